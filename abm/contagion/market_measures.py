"""Systemic risk read off market prices, for jointly normal returns."""

from __future__ import annotations

from math import exp, pi, sqrt

from scipy.special import ndtri

from abm.contagion.inputs import as_fraction, as_number

__all__ = ["capital_shortfall", "delta_conditional_var", "marginal_expected_shortfall"]


def capital_shortfall(
    debt: float, equity: float, *, crisis_loss: float, capital_share: float
) -> float:
    """Capital that a firm would lack in a crisis (SRISK).

    Parameters
    ----------
    debt : float
        Book value of debt, in dollars, at least 0.
    equity : float
        Market value of equity, in dollars, at least 0.
    crisis_loss : float
        Share of its equity that the firm loses in the crisis (LRMES), from 0 to 1.
    capital_share : float
        Share of assets that must be equity, from 0 to 1.

    Returns
    -------
    float
        Dollars; below 0 for a surplus.

    Raises
    ------
    ValueError
        If an argument is not finite or outside its bounds.

    References
    ----------
    Brownlees and Engle 2017, "SRISK: a conditional capital shortfall measure of systemic risk",
    Review of Financial Studies 30(1), doi:10.1093/rfs/hhw060, equation 1.

    Examples
    --------
    Required: 8 % of 100 and of the 6 that are left; there: 6. So 8.48 - 6.

    >>> round(capital_shortfall(100, 10, crisis_loss=0.4, capital_share=0.08), 6)
    2.48
    """
    owed = as_number("debt", debt, least=0.0)
    share = as_fraction("capital_share", capital_share)
    left = as_number("equity", equity, least=0.0) * (1.0 - as_fraction("crisis_loss", crisis_loss))
    return share * (owed + left) - left


def marginal_expected_shortfall(
    volatility: float, *, correlation: float, tail_probability: float
) -> float:
    """Mean return of a firm while the market is in its worst tail (MES).

    Parameters
    ----------
    volatility : float
        Standard deviation of the firm's return, at least 0; means are 0.
    correlation : float
        Correlation of the firm's return with the market's, from -1 to 1.
    tail_probability : float
        Probability of the market's tail, above 0 and at most one half.

    Returns
    -------
    float
        A return; below 0 for a loss.

    Raises
    ------
    ValueError
        If an argument is not finite or outside its bounds.

    References
    ----------
    Acharya et al. 2017, "Measuring systemic risk", Review of Financial Studies 30(1),
    doi:10.1093/rfs/hhw088.

    Examples
    --------
    A tail of one half is every fall of the market; the mean of a normal below its middle is
    -sqrt(2/pi) = -0.797885 standard deviations.

    >>> round(marginal_expected_shortfall(0.1, correlation=0.5, tail_probability=0.5), 8)
    -0.03989423
    """
    spread = as_number("volatility", volatility, least=0.0)
    link = as_number("correlation", correlation, least=-1.0, most=1.0)
    tail = as_number("tail_probability", tail_probability, above=0.0, most=0.5)
    quantile = float(ndtri(tail))
    density = exp(-quantile * quantile / 2.0) / sqrt(2.0 * pi)
    return -link * spread * density / tail


def delta_conditional_var(
    system_volatility: float, *, correlation: float, tail_probability: float
) -> float:
    """Change of the system's value at risk when a firm goes from its median to its own (dCoVaR).

    Parameters
    ----------
    system_volatility : float
        Standard deviation of the system's return, at least 0.
    correlation : float
        Correlation of the firm's return with the system's, from -1 to 1.
    tail_probability : float
        Probability of the tail, above 0 and at most one half.

    Returns
    -------
    float
        A return; below 0 if the firm's distress makes the system's tail worse.

    Raises
    ------
    ValueError
        If an argument is not finite or outside its bounds.

    References
    ----------
    Adrian and Brunnermeier 2016, "CoVaR", American Economic Review 106(7),
    doi:10.1257/aer.20120555, section II for normal returns.

    Examples
    --------
    The lowest 5 % of a normal begin at -1.644854.

    >>> round(delta_conditional_var(0.02, correlation=0.5, tail_probability=0.05), 8)
    -0.01644854
    """
    spread = as_number("system_volatility", system_volatility, least=0.0)
    link = as_number("correlation", correlation, least=-1.0, most=1.0)
    tail = as_number("tail_probability", tail_probability, above=0.0, most=0.5)
    return float(ndtri(tail)) * link * spread

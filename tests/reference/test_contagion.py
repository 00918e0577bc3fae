"""Every case of contagion.json in the folder that ABM_REFERENCE names.

The form of a case is told by the names of its inputs, so that other and larger files of the same
forms run through the same checks.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.contagion import (
    capital_shortfall,
    clearing_payments,
    contagion_window,
    debtrank,
    default_cascade,
    delta_conditional_var,
    dependency_matrix,
    fire_sale,
    impact_fluidity,
    impact_susceptibility,
    margin_shortfall,
    marginal_expected_shortfall,
    maximum_entropy,
    minimum_density,
    ring_thresholds,
    single_link_window,
    use_layers,
)
from abm.randomness import Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Case = Mapping[str, Any]
    Matrix = NDArray[np.float64]
    Check = Callable[[Any], float]
    Found = dict[str, Any]

pytestmark = pytest.mark.reference

TOLERANCE = 1e-9
PRINTED = 0.005  # of a matrix that was published with two decimals
DRAWS = 32
BRANCHES = 500  # of the search for fewer links than the first guess has
SMALL = 10  # nodes for which it takes seconds at most


def one_of(*answers: object) -> Check:
    return lambda expected: 0.0 if expected in answers else math.inf


def as_printed(matrix: Matrix) -> Check:
    """Compare with a matrix that was published with two decimals."""
    return lambda expected: max(float(np.abs(matrix - np.array(expected)).max()) - PRINTED, 0.0)


def at_most_as_dense(matrix: Matrix) -> Check:
    """Count links only: the published matrix was found by random search, as one of many."""
    links = np.count_nonzero(matrix)
    return lambda expected: 0.0 if links <= np.count_nonzero(expected) else math.inf


def both_countings(
    owed: object, assets: object, debts: object, alpha: float = 1.0, beta: float = 1.0
) -> Found:
    """Clear a network; the file does not say which of two published ways counts its rounds."""
    terms = (np.array(owed), np.array(assets), np.array(debts))
    waves = clearing_payments(*terms, alpha=alpha, beta=beta, counting="waves")
    steps = clearing_payments(*terms, alpha=alpha, beta=beta, counting="steps")
    np.testing.assert_allclose(steps.payments, waves.payments, rtol=TOLERANCE, atol=TOLERANCE)
    rounds = rounds_of(waves.defaults_by_round, steps.defaults_by_round)
    return {
        "p": waves.payments,
        "p_exact": waves.payments,
        "defaults_by_round": rounds,
        "levels": rounds,
        "defaultind": waves.defaulted,
        "aggregate_shortfall": waves.shortfall.sum(),
        "systemic_shortfall": waves.shortfall.sum(),
    }


def rounds_of(*answers: tuple[tuple[int, ...], ...]) -> Check:
    return lambda expected: one_of(*answers)(tuple(tuple(sorted(nodes)) for nodes in expected))


def eisenberg_noe(inputs: Case) -> Found:
    owed, assets, debts = inputs["L"], inputs["e"], inputs.get("el", 0.0)
    found = both_countings(owed, assets, debts)
    found["greatest"] = found["p"]
    found["least"] = clearing_payments(owed, assets, debts, solution="least").payments
    if "e_regular" in inputs:
        regular = clearing_payments(owed, inputs["e_regular"], debts).payments
        least = clearing_payments(owed, inputs["e_regular"], debts, solution="least").payments
        np.testing.assert_allclose(least, regular, atol=TOLERANCE)
        found["unique_when_e_regular"] = regular
    return found


def rogers_veraart(inputs: Case) -> Found:
    alpha, beta = inputs["alpha"], inputs["beta"]
    assets, debts = inputs["e"], inputs.get("el", 0.0)
    found = both_countings(inputs["L"], assets, debts, alpha, beta)
    found["p_greatest"] = found["p"]
    variant = inputs.get("L_variant", inputs["L"])
    found["p_greatest_variant"] = both_countings(variant, assets, debts, alpha, beta)["p"]
    least = clearing_payments(variant, assets, debts, alpha=alpha, beta=beta, solution="least")
    found["p_least_variant"] = least.payments
    return found


def cascade(inputs: Case) -> Found:
    found = default_cascade(inputs["exposures"], inputs["equity"], recovery=inputs["recovery"])
    return {
        "initial_networth": inputs["equity"],
        "rounds": rounds_of(found.defaults_by_round),
        "final_equity": found.equity,
    }


def valuations(inputs: Case) -> Found:
    claims = np.array(inputs["exposures"])
    assets, debts, loss = (np.array(inputs[key]) for key in ("extasset", "extliab", "shock"))
    before = assets - debts + claims.sum(axis=1) - claims.sum(axis=0)
    return {
        "equity_en": clearing_payments(claims.T, assets - loss, debts).equity,
        "equity_furfine": default_cascade(claims, before - loss).equity,
        "equity_linear_debtrank": debtrank(claims, before, loss, variant="linear").equity,
    }


def uniform_shock(inputs: Case) -> Found:
    owed = np.array(inputs["L"])
    assets, debts = np.array(inputs["extassets"]), np.array(inputs["extliab"])
    loss = inputs["uniform_shock"] * assets
    before = assets - debts + owed.sum(axis=0) - owed.sum(axis=1)
    senior = clearing_payments(owed, assets - loss - debts)
    return {
        "E0": before,
        "equity_after_shock": before - loss,
        "equity_final_debtrank": debtrank(owed.T, before, loss, variant="linear").equity,
        "payments_EN_after_senior_ext": senior.payments,
        "EN_defaults": one_of(np.flatnonzero(senior.defaulted).tolist()),
    }


def single_hit(inputs: Case) -> Found:
    equity, stress = np.array(inputs["equity"]), np.array(inputs["h0"])
    found = debtrank(
        inputs["exposure"],
        equity,
        stress * equity,
        variant="single_hit",
        weights=inputs["weights"],
    )
    return {"h": found.stress, "debtrank": found.debtrank}


def linear(inputs: Case) -> Found:
    ones = np.ones(len(inputs["h0"]))
    found = debtrank(
        inputs["Lambda"], ones, inputs["h0"], variant="linear", weights=inputs["weights"]
    )
    return {"h": found.stress, "debtrank": found.debtrank}


def susceptibility(inputs: Case) -> Found:
    return {
        "susceptibility": impact_susceptibility(inputs["assets"], inputs["buffer"]),
        "fluidity": impact_fluidity(inputs["assets"], inputs["buffer"]),
    }


def reconstruction(inputs: Case) -> Found:
    claims, debts = inputs["assets"], inputs["liabilities"]
    even = maximum_entropy(claims, debts)
    few = minimum_density(claims, debts, node_limit=BRANCHES if len(claims) <= SMALL else 0)
    for matrix in (even, few):
        np.testing.assert_allclose(matrix.sum(axis=1), claims, rtol=TOLERANCE, atol=TOLERANCE)
        np.testing.assert_allclose(matrix.sum(axis=0), debts, rtol=TOLERANCE, atol=TOLERANCE)
        assert not matrix.diagonal().any()
    return {"max_entropy_2dp": as_printed(even), "min_density": at_most_as_dense(few)}


def ring_and_complete(inputs: Case) -> Found:
    nodes, each = inputs["n"], inputs["y"]
    surplus = inputs["a"] - inputs["v"]
    thresholds = ring_thresholds(nodes, surplus)
    assert thresholds.shock == pytest.approx(inputs["eps_star"], abs=TOLERANCE)
    assert thresholds.liabilities == pytest.approx(inputs["y_star"], abs=TOLERANCE)
    ring = each * np.roll(np.eye(nodes), 1, axis=1)
    complete = each / (nodes - 1) * (np.ones((nodes, nodes)) - np.eye(nodes))

    def defaults(owed: Matrix, shock: float) -> int:
        assets = np.full(nodes, surplus)
        assets[0] -= shock
        return int(clearing_payments(owed, assets).defaulted.sum())

    def wrong(expected: dict[str, dict[str, int]]) -> float:
        shocks = {label: float(label.removeprefix("eps=")) for label in expected}
        return one_of(expected)(
            {
                label: {"ring": defaults(ring, shock), "complete": defaults(complete, shock)}
                for label, shock in shocks.items()
            }
        )

    return {"defaults": wrong}


def cross_holdings(inputs: Case) -> Found:
    return {"A": dependency_matrix(inputs["C"])}


def one_round_of_sales(inputs: Case) -> Found:
    found = fire_sale(
        inputs["assets"],
        inputs["debt_to_equity"],
        inputs["weights"],
        inputs["price_impact"],
        inputs["shock"],
    )
    return {
        "R1": found.shock_return,
        "sales": found.sales,
        "q": found.flows,
        "price2": found.price_changes,
        "R2": found.sale_return,
        "AV": found.aggregate_vulnerability,
    }


def market_measures(inputs: Case) -> Found:
    link = {"correlation": inputs["rho"], "tail_probability": inputs["alpha"]}
    return {
        "SRISK": capital_shortfall(
            inputs["debt"],
            inputs["equity"],
            crisis_loss=inputs["LRMES"],
            capital_share=inputs["k"],
        ),
        "MES": marginal_expected_shortfall(inputs["sigma_i"], **link),
        "dCoVaR": delta_conditional_var(inputs["sigma_sys"], **link),
    }


def variation_margin(inputs: Case) -> Found:
    owed = inputs["obligations"]
    posted = np.array(inputs["initial_margin_from_k_held_by_i"])
    share = {"transmission": inputs["tau"]}
    held = margin_shortfall(owed, posted, inputs["buffers"], **share)
    bare = margin_shortfall(owed, 0.0 * posted, inputs["buffers"], **share)
    return {
        "p_with_IM": held.payments,
        "stress_with_IM": held.stress,
        "p_IM_unreachable": bare.payments,
        "stress_IM_unreachable": bare.stress,
    }


def waterfall(inputs: Case) -> Found:
    found = use_layers(inputs["loss"], [capacity for _, capacity in inputs["layers"]])
    return {"used": found.used, "residual_uncovered": found.uncovered}


# The inputs that tell the form of a case, the most telling first.
FORMS: dict[str, tuple[set[str], Callable[[Case], Found]]] = {
    "Rogers-Veraart": ({"L", "e", "alpha", "beta"}, rogers_veraart),
    "Eisenberg-Noe": ({"L", "e"}, eisenberg_noe),
    "default cascade": ({"exposures", "equity", "recovery"}, cascade),
    "three valuations": ({"exposures", "extasset", "extliab", "shock"}, valuations),
    "uniform shock": ({"L", "extassets", "extliab", "uniform_shock"}, uniform_shock),
    "DebtRank, single hit": ({"exposure", "equity", "h0", "weights"}, single_hit),
    "DebtRank, linear": ({"Lambda", "h0", "weights"}, linear),
    "impact susceptibility": ({"assets", "buffer"}, susceptibility),
    "reconstruction": ({"assets", "liabilities"}, reconstruction),
    "ring and complete": ({"n", "a", "v", "y"}, ring_and_complete),
    "cross-holdings": ({"C"}, cross_holdings),
    "fire sale": ({"assets", "debt_to_equity", "weights", "price_impact"}, one_round_of_sales),
    "market measures": ({"debt", "equity", "LRMES", "sigma_i"}, market_measures),
    "variation margin": ({"obligations", "buffers", "tau"}, variation_margin),
    "waterfall": ({"loss", "layers"}, waterfall),
}
GAI_KAPADIA = {"N", "interbank_share", "capital_buffer"}
# Variants that the file lists as not the paper's rule.
NOT_OURS = {"h_freeze_inactive_variant", "debtrank_freeze_inactive_variant"}


def form_of(case: Case) -> str | None:
    given = set(case["inputs"])
    if given >= GAI_KAPADIA:
        return "Gai-Kapadia"
    return next((name for name, (needed, _) in FORMS.items() if needed <= given), None)


def error_of(found: Any, expected: Any) -> float:  # noqa: ANN401 - JSON
    """Return the largest error, relative for expected values beyond 1; infinite if not alike."""
    if callable(found):
        return float(found(expected))
    given = np.asarray(found, dtype=np.float64)
    wanted = np.array(expected)
    if wanted.dtype.kind == "U":  # exact fractions
        wanted = np.array([float(Fraction(value)) for value in expected])
    if given.shape != wanted.shape:
        return math.inf
    return float((np.abs(given - wanted) / np.maximum(np.abs(wanted), 1.0)).max(initial=0.0))


def cases_of(form: str, section: Callable[..., Any]) -> list[Case]:
    cases = [case for case in section("contagion", "cases") if form_of(case) == form]
    if not cases:
        pytest.skip(f"the file has no case of the form {form}")
    return cases


@pytest.mark.parametrize("form", FORMS)
def test_every_case_of_a_form_agrees(
    form: str, section: Callable[..., Any], report: Callable[..., None]
) -> None:
    errors: dict[str, float] = {}
    for case in cases_of(form, section):
        found = FORMS[form][1](case["inputs"])
        for key in set(case["expected"]) & set(found):
            errors[f"{case['id']}.{key}"] = error_of(found[key], case["expected"][key])
    report(f"contagion, {form}", max(errors.values(), default=0.0))
    assert {key: error for key, error in errors.items() if not error <= TOLERANCE} == {}


def test_every_expected_value_of_the_file_has_a_check(section: Callable[..., Any]) -> None:
    unchecked = []
    for case in section("contagion", "cases"):
        form = form_of(case)
        if form == "Gai-Kapadia":
            continue
        known = set(NOT_OURS)
        if form is not None:
            known |= set(FORMS[form][1](case["inputs"]))
        unchecked += [f"{case['id']}.{key}" for key in case["expected"] if key not in known]
    assert unchecked == []


def window_rows(expected: Case) -> list[tuple[dict[str, Any], list[list[float]], int]]:
    """Return the settings, rows and draws of every table of a Gai-Kapadia case."""
    tables: list[tuple[dict[str, Any], list[list[float]], int]] = [
        ({"capital_buffer": float(buffer)}, rows, 333)
        for buffer, rows in expected.get("own_runs", {}).items()
    ]
    if "liquidity_variant" in expected:
        variant = expected["liquidity_variant"]
        tables.append(({"price_impact": variant["alpha"]}, variant["rows"], 300))
    if "targeted_seed_most_connected" in expected:
        variant = expected["targeted_seed_most_connected"]
        settings = {"first_failure": "most_connected"}
        tables.append((settings, variant["rows"], variant["draws"]))
    if "tie_counts_as_default" in expected:
        variant = expected["tie_counts_as_default"]
        tables.append(({"tie": "defaults"}, variant["rows"], variant["draws"]))
    return tables


@pytest.mark.slow
def test_the_contagion_window_of_gai_and_kapadia_has_its_shape(
    section: Callable[..., Any],
) -> None:
    for case in cases_of("Gai-Kapadia", section):
        inputs, expected = case["inputs"], case["expected"]
        for buffer, ends in expected.get("single_link_window", {}).items():
            window = single_link_window(inputs["interbank_share"], float(buffer))
            assert window == pytest.approx(ends, abs=6e-4)
        for settings, rows, draws in window_rows(expected):
            for degree, frequency, *extent in rows:
                rng = Streams(20).get(str(settings), str(degree))
                found = contagion_window(
                    degree,
                    DRAWS,
                    rng,
                    nodes=inputs["N"],
                    interbank_share=inputs["interbank_share"],
                    **settings,
                )
                # Four standard errors of two samples, with at least one event in each.
                middle = (frequency * draws + found.systemic + 1) / (draws + DRAWS + 2)
                error = math.sqrt(middle * (1 - middle) * (1 / draws + 1 / DRAWS))
                assert found.frequency == pytest.approx(frequency, abs=4 * error), settings
                if extent and extent[0] is not None and found.systemic >= DRAWS / 4:
                    # Near the lower end the extent itself is random.
                    close = 0.02 if degree >= 3 else 0.15
                    assert found.extent == pytest.approx(extent[0], abs=close), settings

"""A study file: a base scenario, factors, a design; checked as carefully as a scenario."""

from __future__ import annotations

import json
import tomllib
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from abm.errors import Problem, ScenarioError
from abm.recording.schemas import SCHEMAS
from abm.scenario.faults import problems_of
from abm.scenario.fields import Count, Name, Positive, Table
from abm.sweeps.goals import Calibration, RareEvent, Stopping
from abm.sweeps.table import Value, read_points

SCREENINGS = ("saltelli", "morris")
"""Designs whose points belong together in an order, from which sensitivities are computed."""

MOST_POINTS = 1_000_000


class Factor(Table):
    """What varies along one key of the scenario: listed values, or a range."""

    values: Annotated[
        tuple[Value, ...] | None, Field(strict=False, min_length=1, description="Levels, in order")
    ] = None
    low: Annotated[float | None, Field(description="Lower end of a range, or of a law")] = None
    high: Annotated[float | None, Field(description="Upper end of a range, or of a law")] = None
    logarithmic: Annotated[bool, Field(description="Even in the logarithm")] = False
    whole: Annotated[bool, Field(description="Rounded to whole numbers")] = False
    median: Annotated[Positive | None, Field(description="Of a lognormal law")] = None
    ln_sigma: Annotated[
        Positive | None, Field(description="Standard deviation of its logarithm")
    ] = None
    group: Annotated[
        Name | None, Field(description="Factors of one group are moved and ranked together")
    ] = None

    @model_validator(mode="after")
    def _is_levels_or_a_range(self) -> Factor:
        if (self.median is None) != (self.ln_sigma is None):
            raise ValueError("a lognormal law has both median and ln_sigma")
        ranged = self.low is not None or self.high is not None
        if (self.values is None) == (not ranged and self.median is None):
            raise ValueError("a factor has either values, or low and high")
        if self.median is not None and self.logarithmic:
            raise ValueError("a lognormal law needs no key logarithmic")
        if self.values is None and (ranged or self.median is None):
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError(f"low = {self.low} must be below high = {self.high}")
            if self.logarithmic and self.low <= 0:
                raise ValueError(f"a logarithmic range starts above 0; low is {self.low}")
        return self


class Design(Table):
    """Which points of the factors are run."""

    kind: Annotated[
        Literal["factorial", "latin_hypercube", "sobol", "saltelli", "morris", "table"],
        Field(description="All combinations, points spread over ranges, or those of a file"),
    ] = "factorial"
    samples: Annotated[
        Count,
        Field(le=MOST_POINTS, description="Points of a spread design; of saltelli, in each matrix"),
    ] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Seed of a spread design")] = 1
    levels: Annotated[int, Field(ge=2, le=1_000, description="Levels of the grid of morris")] = 4
    file: Annotated[
        str | None, Field(description="CSV or Parquet of points, a column for each factor")
    ] = None
    points: Annotated[
        tuple[tuple[Value, ...], ...],
        Field(strict=False, description="Rows of the file, in the order of the factors"),
    ] = ()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Design:
        if (self.kind == "table") != bool(self.points):
            raise ValueError("a table of points is given by kind = 'table' and its file")
        if self.kind == "saltelli" and self.samples & (self.samples - 1):
            raise ValueError(f"samples is {self.samples}; saltelli needs a power of 2")
        if self.kind == "morris" and self.levels % 2:
            raise ValueError(f"levels is {self.levels}; morris needs an even number")
        return self


class Study(Table):
    """Many runs of one base scenario."""

    name: Annotated[Name, Field(description="Name of the study and of its folder")]
    question: Annotated[str, Field(min_length=1, description="What the study asks")]
    scenario: Annotated[str, Field(description="Base scenario, relative to the study's file")]
    changes: Annotated[
        tuple[str, ...],
        Field(strict=False, description="key=value changes of the base scenario, as of --set"),
    ] = ()
    replicates: Annotated[
        Count,
        Field(description="Runs of each point, with seeds of their own; at most, if stopping"),
    ]
    streams: Annotated[
        Literal["common", "independent"],
        Field(description="Whether replicate n has the same seed at every point"),
    ] = "common"
    counterfactual: Annotated[
        bool, Field(description="Run each also without its shocks, for paired differences")
    ] = False
    tables: Annotated[
        tuple[str, ...], Field(strict=False, description="Tables kept besides the run's row")
    ] = ()
    table_seconds: Annotated[
        Count | None,
        Field(description="Of tables with rows at regular seconds, those at multiples of this"),
    ] = None
    time_limit_seconds: Annotated[
        float | None, Field(gt=0, description="A run longer than this counts as failed")
    ] = None
    stopping: Stopping | None = None
    calibration: Calibration | None = None
    rare: RareEvent | None = None
    design: Design = Design()
    factors: Annotated[dict[str, Factor], Field(min_length=1)]

    @model_validator(mode="after")
    def _tables_exist(self) -> Study:
        unknown = [name for name in self.tables if name not in SCHEMAS or name == "runs"]
        if unknown:
            known = [name for name in SCHEMAS if name != "runs"]
            near = get_close_matches(unknown[0], known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"tables holds {unknown[0]!r}{hint}; it must name some of {', '.join(known)}"
            )
        return self

    @model_validator(mode="after")
    def _factors_fit_the_design(self) -> Study:
        for name, factor in self.factors.items():
            levels = self.design.kind == "factorial" and not (self.calibration or self.rare)
            if levels and factor.values is None:
                raise ValueError(f"factors.{name} is a range; a factorial design needs its values")
            if factor.group is not None and self.design.kind not in SCREENINGS:
                kinds = " and ".join(SCREENINGS)
                raise ValueError(f"factors.{name}.group: only the designs {kinds} know groups")
            # One level alone is no factor there: nothing of it can be ranked.
            if self.design.kind in SCREENINGS and len(factor.values or (1, 2)) == 1:
                raise ValueError(f"factors.{name} has one value; {self.design.kind} needs two")
        return self

    @model_validator(mode="after")
    def _can_be_planned(self) -> Study:
        if self.design.kind == "factorial" and not (self.calibration or self.rare):
            points = prod(len(factor.values or ()) for factor in self.factors.values())
            if points > MOST_POINTS:
                rule = f"a factorial design may have {MOST_POINTS:,}; spread them instead"
                raise ValueError(f"the levels of the factors make {points:,} points; {rule}")
        return self

    @model_validator(mode="after")
    def _points_have_all_factors(self) -> Study:
        for row, point in enumerate(self.design.points):
            if len(point) != len(self.factors):
                rule = f"there are {len(self.factors)} factors"
                raise ValueError(f"design.points[{row}] has {len(point)} values; {rule}")
        return self

    @model_validator(mode="after")
    def _goal_is_one(self) -> Study:
        if self.calibration and self.rare:
            raise ValueError("a study has a table calibration or a table rare, not both")
        if self.calibration:
            factors = list(self.factors.values())
            if len(factors) != 1 or factors[0].low is None or factors[0].median is not None:
                raise ValueError("a calibration has one factor, with low and high")
        for name, factor in self.factors.items():
            if self.rare and factor.values is not None:
                raise ValueError(f"factors.{name} has values; a rare event's drivers have laws")
        return self

    @model_validator(mode="after")
    def _stopping_can_happen(self) -> Study:
        if self.stopping is not None and self.stopping.least_replicates > self.replicates:
            least = self.stopping.least_replicates
            raise ValueError(
                f"stopping.least_replicates is {least}; replicates, {self.replicates}, are fewer"
            )
        return self


def load_study(path: str | Path) -> Study:
    """Read and check a study file; the scenario it names becomes an absolute path.

    Raises
    ------
    ScenarioError
        Names every fault of the file, or says why it cannot be read.
    """
    source = Path(path)
    try:
        data: Any = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(source, [Problem("file", "", reason)]) from error
    except ValueError as error:
        raise ScenarioError(source, [Problem("file", "", f"not TOML: {error}")]) from error
    _fill_from_table(data, source)
    try:
        study = Study.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ScenarioError(source, problems_of(error, Study)) from error
    base = (source.parent / study.scenario).resolve()
    return study.model_copy(update={"scenario": str(base)})


def _fill_from_table(data: Any, source: Path) -> None:  # noqa: ANN401 - TOML not yet checked
    """Take factors and points from the file that the design names, if it names one."""
    design = data.get("design")
    if not isinstance(design, dict) or not isinstance(design.get("file"), str):
        return
    if "factors" in data:
        rule = "a table of points brings its own factors, one for each column"
        raise ScenarioError(source, [Problem("factors", "", rule)])
    names, rows = read_points(source.parent / design["file"])
    data["factors"] = {
        name: {"values": list(dict.fromkeys(row[place] for row in rows))}
        for place, name in enumerate(names)
    }
    design["points"] = rows

"""A study file: a base scenario, factors, a design; checked as carefully as a scenario."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from abm.errors import Problem, ScenarioError
from abm.recording.schemas import SCHEMAS
from abm.scenario.faults import problems_of
from abm.scenario.fields import Count, Name, Table

Value = float | int | str | bool


class Factor(Table):
    """What varies along one key of the scenario: listed values, or a range."""

    values: Annotated[
        tuple[Value, ...] | None, Field(strict=False, min_length=1, description="Levels, in order")
    ] = None
    low: Annotated[float | None, Field(description="Lower end of a range")] = None
    high: Annotated[float | None, Field(description="Upper end of a range")] = None
    logarithmic: Annotated[bool, Field(description="Even in the logarithm")] = False
    whole: Annotated[bool, Field(description="Rounded to whole numbers")] = False

    @model_validator(mode="after")
    def _is_levels_or_a_range(self) -> Factor:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("a factor has either values, or low and high")
        if self.values is None:
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError(f"low = {self.low} must be below high = {self.high}")
            if self.logarithmic and self.low <= 0:
                raise ValueError(f"a logarithmic range starts above 0; low is {self.low}")
        return self


class Design(Table):
    """Which points of the factors are run."""

    kind: Annotated[
        Literal["factorial", "latin_hypercube", "sobol"],
        Field(description="Every combination of levels, or points spread over the ranges"),
    ] = "factorial"
    samples: Annotated[Count, Field(le=1_000_000, description="Points of a spread design")] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Seed of a spread design")] = 1


class Study(Table):
    """Many runs of one base scenario."""

    name: Annotated[Name, Field(description="Name of the study and of its folder")]
    question: Annotated[str, Field(min_length=1, description="What the study asks")]
    scenario: Annotated[str, Field(description="Base scenario, relative to the study's file")]
    changes: Annotated[
        tuple[str, ...],
        Field(strict=False, description="key=value changes of the base scenario, as of --set"),
    ] = ()
    replicates: Annotated[Count, Field(description="Runs of each point, with seeds of their own")]
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
    time_limit_seconds: Annotated[
        float | None, Field(gt=0, description="A run longer than this counts as failed")
    ] = None
    design: Design = Design()
    factors: Annotated[dict[str, Factor], Field(min_length=1)]

    @model_validator(mode="after")
    def _tables_exist(self) -> Study:
        unknown = [name for name in self.tables if name not in SCHEMAS or name == "runs"]
        if unknown:
            known = ", ".join(name for name in SCHEMAS if name != "runs")
            raise ValueError(f"tables holds {unknown[0]!r}; it must name some of {known}")
        return self

    @model_validator(mode="after")
    def _factors_fit_the_design(self) -> Study:
        for name, factor in self.factors.items():
            if self.design.kind == "factorial" and factor.values is None:
                raise ValueError(f"factors.{name} is a range; a factorial design needs its values")
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
    try:
        study = Study.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ScenarioError(source, problems_of(error, Study)) from error
    base = (source.parent / study.scenario).resolve()
    return study.model_copy(update={"scenario": str(base)})

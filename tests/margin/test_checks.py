from __future__ import annotations

import numpy as np
import pytest

from abm.margin.checks import checked_numbers


def test_good_numbers_come_back_as_floats_of_their_shape() -> None:
    found = checked_numbers("lots", [[1, 2], [3, 0]], least=0.0, most=3.0, shape=(2, 2))
    assert found.dtype == np.float64
    assert found.tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert checked_numbers("lots", [], above=0.0).tolist() == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.inf], r"lots\[1\] is inf; it must be finite and above 0 and at most 9"),
        ([[1.0], [0.0]], r"lots\[1, 0\] is 0.0; it must be finite and above 0 and at most 9"),
        (9.5, "lots is 9.5; it must be finite and above 0 and at most 9"),
    ],
)
def test_the_first_bad_number_is_named_with_its_place(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        checked_numbers("lots", values, above=0.0, most=9.0)  # type: ignore[arg-type]


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^lots has shape \(2,\); it must be \(3,\)$"):
        checked_numbers("lots", [1.0, 2.0], shape=(3,))

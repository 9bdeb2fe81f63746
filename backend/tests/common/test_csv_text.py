from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.common.csv_text import csv_lines

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def test_a_file_has_a_mark_a_header_and_its_rows() -> None:
    lines = list(csv_lines(("a", "b"), [(1, "x"), (-2, None), (3, 'he said "no", twice')]))

    assert lines == [
        "\ufeffa,b\r\n",
        "1,x\r\n",
        "-2,\r\n",
        '3,"he said ""no"", twice"\r\n',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1",
        "=cmd|' /C calc'!A0",
    ],
)
def test_a_text_that_would_be_calculated_is_kept_a_text(text: str) -> None:
    (_header, line) = csv_lines(("a",), [(text,)])

    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert row == [f"'{text}"]


@given(cells=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=4))
def test_every_text_comes_back_and_none_is_a_formula(cells: list[str]) -> None:
    (_header, line) = csv_lines(("a",), [cells])

    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert [cell.removeprefix("'") for cell in row] == [
        cell.replace("\x00", "").removeprefix("'") for cell in cells
    ]
    assert not any(cell.lstrip(" ").startswith(STARTS) for cell in row)


def test_rows_are_asked_for_one_by_one() -> None:
    asked = []

    def rows() -> object:
        for number in range(3):
            asked.append(number)
            yield (number,)

    lines = csv_lines(("a",), rows())  # type: ignore[arg-type]  # a generator of tuples
    next(lines)
    next(lines)

    assert asked == [0]

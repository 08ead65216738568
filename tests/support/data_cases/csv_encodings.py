"""CSV files by their encoding, and files of other programs under the ending .csv."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

from csv_rows import KINDS, csv, kind, lines, plain, trains
from data_case import Case, content, refused

PLAIN = "a integer | b integer | *kind text"
TABLE = lines("a,b,kind", plain)


def cafes(classes: tuple[str, str]) -> str:
    """A table whose classes are not ASCII."""
    return lines("a,b,kind", lambda i: f"{i},{i % 5},{classes[i % 2]}")


def workbook() -> bytes:
    """The outline of an Excel workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", f"<Types>{' ' * 9000}</Types>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    return out.getvalue()


def zipped(path: Path) -> None:
    """The table in a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("d.csv", TABLE)


CASES = (
    csv("csv-bom", "UTF-8 with a byte order mark", TABLE.encode("utf-8-sig"), trains(PLAIN)),
    csv(
        "csv-bom-quoted-header",
        "a byte order mark before a quoted header",
        lines('"a","b","kind"', plain).encode("utf-8-sig"),
        trains(PLAIN),
    ),
    csv(
        "csv-cp1252",
        "Windows-1252: café, thé",
        cafes(("café", "thé")).encode("cp1252"),
        trains(PLAIN, ("café", "thé"), says=("Windows-1252", "line 2 holds 'café'")),
    ),
    csv(
        "csv-cp1252-header",
        "Windows-1252 in the names of columns only",
        lines("größe (cm),t [°C],kind", plain).encode("cp1252"),
        trains("größe (cm) integer | t [°C] integer | *kind text", says=("Windows-1252",)),
    ),
    csv(
        "csv-excel-german",
        "what Excel writes in Germany: Windows-1252, semicolons, decimal commas, euros",
        lines(
            "Name;Größe;Preis;Klasse",
            lambda i: (
                f"Müller {i % 7};1,{50 + i};{1 + i % 3}.{100 + i},50 €;{('groß', 'klein')[i % 2]}"
            ),
        ).encode("cp1252"),
        trains(
            "Name text | Größe number | Preis number | *Klasse text",
            ("groß", "klein"),
            says=("Windows-1252", "semicolons"),
        ),
    ),
    csv(
        "csv-excel-french",
        "what Excel writes in France: Windows-1252, semicolons, no-break spaces between thousands",
        lines(
            "Élève;Taille;Prix;Saison",
            lambda i: (
                f"Zoé {i % 7};1,{50 + i};{1 + i % 3}\u00a0{100 + i},50;{('été', 'hiver')[i % 2]}"
            ),
        ).encode("cp1252"),
        trains(
            "Élève text | Taille number | Prix number | *Saison text",
            ("hiver", "été"),
            says=("Windows-1252",),
        ),
    ),
    csv(
        "csv-cyrillic",
        "Windows-1251",
        cafes(("да", "нет")).encode("cp1251"),
        refused("line 2", "UTF-8"),
    ),
    csv(
        "csv-cp1252-late",
        "Windows-1252, whose first letter beyond ASCII comes in row 30,000",
        lines(
            "a,b,kind", lambda i: f"{i},{i % 5},{'thé' if i > 29_999 else 'cafe'}", 40_000
        ).encode("cp1252"),
        trains(PLAIN, ("cafe", "thé"), 40_000, says=("line 30002 holds 'thé'",)),
    ),
    csv(
        "csv-mac-roman",
        "the encoding of an old Mac",
        cafes(("café", "thé")).encode("mac-roman"),
        refused("line 2", "UTF-8"),
    ),
    csv("csv-shift-jis", "Shift JIS", cafes(("犬", "猫")).encode("shift-jis"), refused("UTF-8")),
    csv(
        "csv-utf16",
        "UTF-16, which Excel calls Unicode text",
        TABLE.encode("utf-16"),
        trains(PLAIN),
    ),
    csv(
        "csv-utf16-big-endian-tab",
        "UTF-16 with the high byte first, separated by tabs",
        b"\xfe\xff" + TABLE.replace(",", "\t").encode("utf-16-be"),
        trains(PLAIN),
    ),
    csv(
        "csv-utf16-no-mark",
        "UTF-16 without a byte order mark",
        TABLE.encode("utf-16-le"),
        refused("UTF-16"),
    ),
    csv("csv-utf32", "UTF-32", TABLE.encode("utf-32"), trains(PLAIN)),
    csv(
        "csv-umlauts",
        "UTF-8 with a class of composed and one of decomposed letters",
        cafes(("u\u0308ber", "über")),
        trains(PLAIN, ("u\u0308ber", "über")),
    ),
    csv(
        "csv-emoji-header",
        "headers and classes beyond ASCII",
        lines("größe,温度,kind", lambda i: f"{i},{i % 5},{('ä', 'ö')[i % 2]}"),
        trains("größe integer | 温度 integer | *kind text", ("ä", "ö")),
    ),
    csv(
        "csv-no-break-space",
        "numbers with a no-break space between thousands, as France writes them",
        lines("a,b,kind", lambda i: f"{i},{1 + i % 5}\u00a0{i % 10}00,{kind(i)}"),
        trains(PLAIN, says=("b",)),
    ),
    csv("csv-nul", "a NUL byte", b"a,b,kind\n1,2,p\n\0,3,q\n", refused("line 3", "NUL")),
    csv("csv-empty", "no bytes at all", "", refused("empty")),
    csv("csv-only-header", "a header and no rows", "a,b,kind\n", refused("no rows")),
    csv("csv-xlsx-renamed", "an Excel workbook renamed to .csv", workbook(), refused("Excel")),
    csv(
        "csv-xls-renamed",
        "an old Excel workbook renamed to .csv",
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000),
        refused("Excel"),
    ),
    csv(
        "csv-gzip-renamed",
        "a gzip file renamed to .csv",
        gzip.compress(TABLE.encode(), mtime=0),
        refused("gzip"),
    ),
    csv(
        "csv-parquet-renamed",
        "a Parquet file renamed to .csv",
        b"PAR1" + bytes(200) + b"PAR1",
        refused("Parquet"),
    ),
    csv(
        "csv-html-renamed",
        "the page of a sign-in in place of the download",
        "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body>Sign in, please</body></html>\n",
        refused("HTML"),
    ),
    csv(
        "csv-json-renamed",
        "a JSON document renamed to .csv",
        '[{"a": 0, "b": 1, "kind": "p"},\n {"a": 1, "b": 2, "kind": "q"}]\n',
        refused("JSON"),
    ),
    csv(
        "csv-lfs-pointer",
        "a pointer of Git LFS in place of the file",
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n",
        refused("LFS"),
    ),
    Case(
        "csv-gz",
        "a compressed CSV",
        "d.csv.gz",
        content(gzip.compress(TABLE.encode(), mtime=0)),
        refused(".gz", ".csv"),
    ),
    Case("csv-xlsx", "an Excel workbook", "d.xlsx", content(workbook()), refused(".xlsx", ".csv")),
    Case("csv-zip", "a CSV in a zip", "d.zip", zipped, refused("no image", ".csv")),
    Case(
        "stata-ending", "a file of Stata", "d.dta", content(b"<stata_dta>"), refused(".dta", ".csv")
    ),
    Case(
        "pickle-ending",
        "a pickle of pandas",
        "d.pkl",
        content(b"\x80\x04."),
        refused(".pkl", ".csv"),
    ),
    Case(
        "feather-ending",
        "an Arrow file",
        "d.feather",
        content(b"ARROW1"),
        refused(".csv", ".parquet"),
    ),
    csv(
        "csv-emoji-classes",
        "classes of emoji",
        cafes(("🐕", "🐈")),
        trains(PLAIN, tuple(sorted(("🐕", "🐈")))),
    ),
    csv(
        "csv-zero-width",
        "a zero-width space inside of one header",
        lines("a,b\u200b,kind", plain),
        trains("a integer | b\u200b integer | *kind text", KINDS),
    ),
)

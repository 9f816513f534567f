"""A dossier on paper: the outline as a Word file, with a draft's watermark or a version's digest.

The letter types are those of official documents (see `FONTS`); they are named in the file and not
shipped. What is not valid says 草稿 across every page; what is valid carries its digest and a QR
code that leads to the version's page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import segno
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Mm, Pt, RGBColor

from banfa.office.dossiers.outline import Line, Part

FONTS = {"title": "方正小标宋简体", "heading": "黑体", "body": "仿宋_GB2312", "table": "宋体"}
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True)
class Sheet:
    """What a print says beside the outline. `digest` and `url` are given for a valid version.

    `facts` are labelled lines under the title; `files` the attachments (name, digest).
    """

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    parts: Sequence[Part]
    files: Sequence[tuple[str, str]] = ()
    digest: str = ""
    url: str = ""
    watermark: str = "草稿"

    @property
    def valid(self) -> bool:
        """Whether it is the print of a valid version."""
        return bool(self.digest)


def qr_svg(url: str) -> str:
    """A QR code as inline SVG, black on white."""
    return str(segno.make(url, error="m").svg_inline(scale=3, border=2, light="#fff"))


def docx(sheet: Sheet) -> bytes:
    """The Word file."""
    document = Document()
    _page(document)
    _line(document, sheet.title, "title", 22, centred=True, after=6)
    _line(document, sheet.subtitle, "body", 16, centred=True, after=18)
    for label, text in sheet.facts:
        _line(document, f"{label}：{text}", "body", 14)
    for number, part in enumerate(sheet.parts, 1):
        _part(document, number, part)
    _files(document, sheet.files)
    if sheet.valid:
        _seal(document, sheet)
    else:
        _watermark(document, sheet.watermark)
    _numbered(document)
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def _page(document: Any) -> None:
    """A4 with the margins of official documents (GB/T 9704)."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    style = document.styles["Normal"]
    style.font.size = Pt(16)
    _typeface(style.element.get_or_add_rPr(), FONTS["body"])


def _typeface(properties: Any, name: str) -> None:
    fonts = properties.get_or_add_rFonts()
    for side in ("w:eastAsia", "w:ascii", "w:hAnsi"):
        fonts.set(qn(side), name)


def _clean(text: str) -> str:
    """Text that a Word file can hold."""
    return "".join(c for c in text if c in "\n\t" or ord(c) >= 32)


def _line(
    holder: Any,
    text: str,
    font: str,
    size: float,
    centred: bool = False,
    indent: bool = False,
    after: float = 0,
) -> Any:
    paragraph = holder.add_paragraph()
    run = paragraph.add_run(_clean(text))
    run.font.size = Pt(size)
    _typeface(run._element.get_or_add_rPr(), FONTS[font])
    shape = paragraph.paragraph_format
    shape.space_before, shape.space_after, shape.line_spacing = Pt(0), Pt(after), 1.4
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if indent:
        shape.first_line_indent = Pt(2 * size)
    return paragraph


_NUMERALS = "〇一二三四五六七八九"


def numeral(number: int) -> str:
    """A number below one hundred in Chinese numerals: 十二."""
    tens, ones = divmod(number, 10)
    if tens == 0:
        return _NUMERALS[ones]
    head = "" if tens == 1 else _NUMERALS[tens]
    return f"{head}十{_NUMERALS[ones] if ones else ''}"


def _part(document: Any, number: int, part: Part) -> None:
    heading = _line(document, f"{numeral(number)}、{part.name}", "heading", 16, after=4)
    heading.paragraph_format.space_before = Pt(14)
    heading.paragraph_format.keep_with_next = True
    for place, section in enumerate(part.sections, 1):
        single = len(section.lines) == 1 and section.lines[0].label == section.name
        if section.name:
            _line(document, f"（{numeral(place)}）{section.name}", "heading", 16, indent=True)
        if section.empty:
            _line(document, "（未填）", "body", 16, indent=True)
            continue
        for line in section.lines:
            _value(document, line, labelled=not single)


def _value(document: Any, line: Line, labelled: bool) -> None:
    if line.head:
        if labelled:
            _line(document, f"{line.label}：", "body", 16, indent=True)
        _table(document, line.head, line.rows)
        return
    text = line.text or "（未填）"
    if line.file and line.file.get("digest"):
        text = f"{text}（见附件）"
    first, *rest = text.split("\n")
    _line(document, f"{line.label}：{first}" if labelled else first, "body", 16, indent=True)
    for more in rest:
        _line(document, more, "body", 16, indent=True)


def _table(document: Any, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(rows=1, cols=len(head))
    table.style = "Table Grid"
    for cell, text in zip(table.rows[0].cells, head, strict=True):
        _cell(cell, text, "heading")
    repeat = parse_xml(f"<w:tblHeader {nsdecls('w')}/>")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            _cell(cell, text, "table")


def _cell(cell: Any, text: str, font: str) -> None:
    paragraph = cell.paragraphs[0]
    run = paragraph.add_run(_clean(text))
    run.font.size = Pt(10.5)
    _typeface(run._element.get_or_add_rPr(), FONTS[font])


def _files(document: Any, files: Sequence[tuple[str, str]]) -> None:
    if not files:
        return
    heading = _line(document, "附件", "heading", 16, after=4)
    heading.paragraph_format.space_before = Pt(14)
    for number, (name, digest) in enumerate(files, 1):
        _line(document, f"{number}. {name}", "body", 14)
        small = _line(document, digest, "table", 8)
        small.runs[0].font.color.rgb = RGBColor(0x55, 0x55, 0x55)


def _seal(document: Any, sheet: Sheet) -> None:
    """The digest and the QR code at the end of a valid print."""
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.space_before = Pt(24)
    paragraph.paragraph_format.keep_with_next = True
    held = io.BytesIO()
    segno.make(sheet.url, error="m").save(held, kind="png", scale=6, border=2)
    held.seek(0)
    paragraph.add_run().add_picture(held, width=Mm(28))
    _line(document, f"摘要值 {sheet.digest}", "table", 9)
    _line(document, f"核验地址 {sheet.url}", "table", 9)


_WATERMARK = """<w:p {ns}><w:r><w:pict>
<v:shape xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"
 id="watermark" o:spid="_x0000_s2049" type="#_x0000_t136"
 style="position:absolute;margin-left:0;margin-top:0;width:320pt;height:160pt;rotation:315;
z-index:-251658752;mso-position-horizontal:center;mso-position-horizontal-relative:margin;
mso-position-vertical:center;mso-position-vertical-relative:margin"
 fillcolor="#c8c8c8" stroked="f" o:allowincell="f">
<v:fill opacity=".5"/><v:textpath style="font-family:&quot;SimHei&quot;;font-size:1pt"
 string="{text}" on="t" fitshape="t"/></v:shape></w:pict></w:r></w:p>"""


def _watermark(document: Any, text: str) -> None:
    """The word across every page, as Word's own watermark is made: text art in the header."""
    header = document.sections[0].header
    header.is_linked_to_previous = False
    header._element.append(parse_xml(_WATERMARK.format(ns=nsdecls("w"), text=text)))


def _numbered(document: Any) -> None:
    """The page number at the foot, between dashes."""
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    field = (("begin", ""), ("code", "PAGE"), ("end", ""))
    for kind, text in (("text", "— "), *field, ("text", " —")):
        run = paragraph.add_run(text if kind == "text" else "")
        run.font.size = Pt(14)
        if kind == "code":
            code = f'<w:instrText {nsdecls("w")} xml:space="preserve">{text}</w:instrText>'
            run._element.append(parse_xml(code))
        elif kind != "text":
            mark = f'<w:fldChar {nsdecls("w")} w:fldCharType="{kind}"/>'
            run._element.append(parse_xml(mark))

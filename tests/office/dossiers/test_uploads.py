"""What may be attached, and the hostile files that may not."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from banfa.office.dossiers import files, uploads, verbs
from banfa.office.dossiers.errors import BadFile, NotNow
from banfa.office.dossiers.models import Attachment, Blob
from banfa.office.people.models import User
from tests.office.dossiers import seed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def zipped(entries: dict[str, bytes], stored: bool = False) -> bytes:
    held = io.BytesIO()
    how = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(held, "w", how) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return held.getvalue()


def docx(**more: bytes) -> bytes:
    held = io.BytesIO()
    Document().save(held)
    made = held.getvalue()
    if not more:
        return made
    with zipfile.ZipFile(io.BytesIO(made)) as old:
        entries = {n: old.read(n) for n in old.namelist()}
    return zipped(entries | {n.replace("__", "/"): c for n, c in more.items()})


def xlsx() -> bytes:
    import xlsxwriter

    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        book.add_worksheet().write(0, 0, "甲")
    return held.getvalue()


def inspect(name: str, content: bytes) -> str:
    return uploads.inspect(name, io.BytesIO(content), len(content)).name


def encrypted() -> bytes:
    made = bytearray(zipped({"a.txt": b"secret"}))
    at = made.find(b"PK\x01\x02")
    made[6:8] = struct.pack("<H", 1)
    made[at + 8 : at + 10] = struct.pack("<H", 1)
    return bytes(made)


def bomb() -> bytes:
    return zipped({f"{n}.txt": b"\0" * 30_000_000 for n in range(2)})


def claiming(size: int) -> bytes:
    """An archive whose directory says more than it holds."""
    made = bytearray(zipped({"a.bin": b"x" * 100}, stored=True))
    at = made.find(b"PK\x01\x02")
    made[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("甲.pdf", seed.PDF, "pdf"),
        ("甲.PNG", PNG, "png"),
        ("甲.jpeg", b"\xff\xd8\xff\xe0" + b"\0" * 20, "jpg"),
        ("甲.tif", b"II*\0" + b"\0" * 20, "tif"),
        ("甲.docx", docx(), "docx"),
        ("甲.xlsx", xlsx(), "xlsx"),
        ("甲.ofd", zipped({"OFD.xml": b"<ofd/>", "Doc_0/Document.xml": b"<d/>"}), "ofd"),
        ("甲.zip", zipped({"图/1.png": PNG}), "zip"),
        ("甲.zip", zipped({"内.zip": zipped({"1.txt": b"a"}), "b.docx": docx()}), "zip"),
    ],
    ids=lambda v: v if isinstance(v, str) and len(v) < 9 else "",
)
def test_what_is_what_it_says_is_taken(name: str, content: bytes, kind: str) -> None:
    assert inspect(name, content) == kind


def hostile() -> Iterator[tuple[str, bytes, str]]:
    yield "报告.pdf", b"MZ\x90\0" + b"\0" * 60, "可执行程序"
    yield "报告.docx", b"\x7fELF" + b"\0" * 60, "可执行程序"
    yield "脚本.pdf", b"#!/bin/sh\n" * 5, "可执行程序"
    yield "报告.pdf", PNG, "与文件名不符"
    yield "表.docx", xlsx(), "与文件名不符"
    yield "表.xlsx", zipped({"a.txt": b"a"}), "与文件名不符"
    yield (
        "宏.docx",
        docx(word__vbaProject__bin=b"x", **{"word/vbaProject.bin": b"x"}),
        "与文件名不符",
    )
    yield "空.pdf", b"", "空文件"
    yield "无.exe", b"MZ", "不在可上传之列"
    yield "无扩展名", seed.PDF, "不在可上传之列"
    yield "网页.html", b"<script>", "不在可上传之列"
    yield "图.svg", b"<svg/>", "不在可上传之列"
    yield "乱.pdf", b"hello", "不是有效的"
    yield "弹.zip", bomb(), "压缩比异常"
    yield "弹.docx", docx(big=b"\0" * 30_000_000), "压缩比异常"
    yield "大.zip", claiming(210 * 2**20), "超过 200 MB"
    yield "密.zip", encrypted(), "加密"
    yield "路.zip", zipped({"../../etc/passwd": b"x"}), "指向包外"
    yield "根.zip", zipped({"/etc/passwd": b"x"}), "指向包外"
    yield "盘.zip", zipped({"C:/windows/x.txt": b"x"}), "指向包外"
    yield "程.zip", zipped({"安装.exe": b"x"}), "程序文件"
    yield "程.zip", zipped({"安装.txt": b"MZ\x90\0" + b"\0" * 60}), "程序文件"
    deep = zipped({"二.zip": zipped({"三.zip": zipped({"a.txt": b"a"})})})
    yield "套.zip", deep, "层层嵌套"
    yield "断.zip", zipped({"a.txt": b"a" * 5000})[:60], "已损坏"


@pytest.mark.parametrize(("name", "content", "said"), list(hostile()), ids=lambda v: str(v)[:12])
def test_what_is_hostile_or_untrue_is_refused(name: str, content: bytes, said: str) -> None:
    with pytest.raises(BadFile) as caught:
        inspect(name, content)
    assert said in caught.value.text.zh and name in caught.value.text.zh


def test_too_large_is_refused_with_the_limit(settings: Any) -> None:
    settings.UPLOAD_MB = 1
    with pytest.raises(BadFile, match="1 MB"):
        inspect("大.pdf", seed.PDF + b"\0" * 2**20)


@given(st.text(max_size=300))
def test_names_are_made_safe(raw: str) -> None:
    name = uploads.safe_name(raw)
    assert name and len(name) <= 171
    assert not set(name) & set('/\\<>:"|?*\0\r\n') and not name.startswith(".")


@given(st.binary(max_size=400), st.sampled_from(uploads.ENDINGS))
def test_any_bytes_are_taken_or_refused_never_a_failure(content: bytes, ending: str) -> None:
    for made in (content, b"PK\x03\x04" + content):
        try:
            inspect(f"甲.{ending}", made)
        except BadFile as refused:
            assert refused.text.zh


# --- kept ----------------------------------------------------------------------------------------


def test_a_file_is_kept_once_by_its_content(db: None) -> None:
    one, name = files.keep(SimpleUploadedFile("../甲.pdf", seed.PDF))
    two, _name = files.keep(SimpleUploadedFile("乙.pdf", seed.PDF))
    assert one == two and name == "甲.pdf" and Blob.objects.count() == 1
    folders, _files = storages["dossiers"].listdir(".")
    assert len(folders) == 1
    with files.content(one.digest) as held:
        assert held.read() == seed.PDF


def test_files_of_a_closed_part_stay(people: dict[str, User]) -> None:
    import datetime as dt

    writer = people["writer"]
    dossier = seed.submitted(writer)
    verbs.return_for_correction(
        people["guide"], dossier.pk, "补审计", dt.date(2030, 11, 30), ["documents.plan.money"]
    )
    upload = SimpleUploadedFile("审计.pdf", seed.PDF)
    with pytest.raises(NotNow):
        verbs.attach(writer, dossier.pk, upload)
    with pytest.raises(NotNow):
        verbs.attach(writer, dossier.pk, upload, "documents.proof.__file")
    made = verbs.attach(writer, dossier.pk, upload, "documents.plan.money.audit")
    assert made.path == "documents.plan.money.audit"


def there(digest: str) -> bool:
    return bool(storages["dossiers"].exists(files.place(digest)))


def upload(name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, seed.PDF + name.encode())


def test_files_to_which_nothing_refers_are_swept_after_their_days(
    people: dict[str, User], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never one that a draft, a version or a document of an act refers to."""
    import datetime as dt

    settings.FILE_DAYS = 30
    writer = people["writer"]
    draft = seed.written(writer)
    kept = verbs.attach(writer, draft.pk, upload("草稿.pdf")).blob_id
    gone = verbs.attach(writer, draft.pk, upload("移除.pdf"))
    verbs.detach(writer, draft.pk, gone.pk)
    sent = seed.written(writer)
    in_act = verbs.attach(writer, sent.pk, upload("审计.pdf"), "documents.plan.money.audit").blob_id
    in_version = verbs.attach(writer, sent.pk, upload("随附.pdf")).blob_id
    sent.refresh_from_db()
    assert verbs.submit(writer, sent.pk, sent.version).version is not None
    # taken out of the draft again, they stay with the version and with the act's document
    Attachment.objects.filter(dossier=sent).delete()
    sent.content.pop("documents.plan.money.audit", None)
    sent.save()
    thrown = seed.written(writer)
    lost = verbs.attach(writer, thrown.pk, upload("作废.pdf")).blob_id
    verbs.discard(writer, thrown.pk)
    shared = verbs.attach(writer, draft.pk, upload("共用.pdf")).blob_id
    other = seed.written(writer)
    verbs.attach(writer, other.pk, upload("共用.pdf"))
    verbs.discard(writer, other.pk)

    first = dt.date(2030, 12, 14)
    assert files.sweep(first) == 0 and there(gone.blob_id) and there(lost)
    assert files.sweep(dt.date(2030, 12, 17)) == 2
    assert not there(gone.blob_id) and not there(lost)
    assert not Blob.objects.filter(digest__in=[gone.blob_id, lost]).exists()
    for digest in (kept, in_act, in_version, shared):
        assert there(digest) and Blob.objects.filter(digest=digest).exists()
    assert files.sweep(dt.date(2031, 12, 17)) == 0
    # sent again, it is there again; and what has just been sent is not swept
    again = verbs.attach(writer, draft.pk, upload("作废.pdf"))
    assert again.blob_id == lost and there(lost)
    verbs.detach(writer, draft.pk, again.pk)
    monkeypatch.setenv("BANFA_TODAY", "2031-12-01")
    files.keep(upload("作废.pdf"))
    assert files.sweep(dt.date(2031, 12, 17)) == 0 and there(lost)


def test_a_file_that_only_a_document_on_file_names_stays(people: dict[str, User]) -> None:
    import datetime as dt

    from banfa.office.dossiers.models import Version
    from banfa.office.ledger.models import DocumentVersion

    writer = people["writer"]
    sent = seed.written(writer)
    digest = verbs.attach(writer, sent.pk, upload("审计.pdf"), "documents.plan.money.audit").blob_id
    sent.refresh_from_db()
    assert verbs.submit(writer, sent.pk, sent.version).version is not None
    assert DocumentVersion.objects.filter(content__money__audit__digest=digest).exists()
    Attachment.objects.all().delete()
    Version.objects.update(content={}, attachments=[])
    sent.refresh_from_db()
    sent.content = {}
    sent.save()
    assert files.sweep(dt.date(2032, 1, 1)) == 0 and there(digest)


def test_the_same_on_s3_compatible_storage(
    people: dict[str, User], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.server import ThreadedMotoServer

    from banfa.office.settings import file_storage

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        told = {
            "BUCKET": "banfa",
            "ENDPOINT": f"http://{host}:{port}",
            "ACCESS_KEY": "test",
            "SECRET_KEY": "test",
            "REGION": "us-east-1",
        }
        for key, value in told.items():
            monkeypatch.setenv(f"BANFA_S3_{key}", value)
        settings.STORAGES = {**settings.STORAGES, "dossiers": file_storage()}
        storages["dossiers"].connection.create_bucket(Bucket="banfa")
        dossier = seed.written(people["writer"])
        upload = SimpleUploadedFile("审计.pdf", seed.PDF)
        made = verbs.attach(people["writer"], dossier.pk, upload)
        with files.content(made.blob_id) as held:
            assert held.read() == seed.PDF
        again = SimpleUploadedFile("再传.pdf", seed.PDF)
        assert verbs.attach(people["writer"], dossier.pk, again).blob_id == made.blob_id
    finally:
        server.stop()

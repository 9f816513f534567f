"""What can be wrong with a request about notices."""

from __future__ import annotations

from banfa.rules.words import Text


class NoticeError(Exception):
    """A mistake of the caller; nothing was changed. `text` says it in both languages."""

    status = 400

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class Changed(NoticeError):
    """Somebody (the same person in another window) changed it in the meantime."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "设置在您打开页面之后已在别处改动，本次未作更改。请核对后再保存",
            "the settings were changed elsewhere since you opened the page; nothing was changed:"
            " check and save again",
        )


class NoFeed(NoticeError):
    """No such calendar address, or none any more."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            "没有这个日历地址，或已停用", "there is no such calendar address, or none any more"
        )


class TooOften(NoticeError):
    """A calendar address was fetched too often; `seconds` until it may be again."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"读取过于频繁，请{seconds}秒后再试",
            f"fetched too often; try again in {seconds} seconds",
        )
        self.seconds = seconds

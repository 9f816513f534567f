"""What can be wrong with a request about a review; nothing was changed then."""

from __future__ import annotations

from banfa.rules.words import Text


class ReviewError(Exception):
    """A mistake of the caller; `text` says it in both languages."""

    status = 422

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.text = Text(zh, en)


class StaleReview(ReviewError):
    """Somebody changed it since the page was opened."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "本页打开之后，他人已作修改，本次未作任何更改。请核对现在的内容后再提交；所填内容仍在页面上",
            "somebody changed this since you opened the page; check and send again",
        )


class NoSuchReview(ReviewError):
    """There is no such review, expert or sheet for this person."""

    status = 404

    def __init__(self) -> None:
        super().__init__("没有这一评审", "no such review")

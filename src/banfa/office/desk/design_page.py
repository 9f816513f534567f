"""The design on a page of its own: tokens, and every component with its markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from banfa.office.desk import charts
from banfa.office.desk.charts import Part

COMPONENTS = {
    "head": (_("页首"), _("面包屑、标题、阶段标记与一行说明；标题说出此页是什么。")),
    "toolbar": (_("工具条"), _("筛选条件与主要按钮；一页只有一个实心按钮。")),
    "tabs": (_("页签"), _("同一档案或同类列表的并列页面。")),
    "marks": (_("标记"), _("状态用字与色两样表示，色不单独表意。")),
    "notices": (_("提示"), _("结果、警告与拒绝；说明是什么、在何处、如何补正。")),
    "table": (_("表格"), _("在手机上每行变为一叠；数字右对齐、等宽。")),
    "facts": (_("事实"), _("名称与值，按可用宽度分列。")),
    "form": (_("表单"), _("标签在上，说明在下；必填与否写在标签后。")),
    "findings": (_("逐项判断"), _("结论、内容、条款三列；所见与所需并列。")),
    "timeline": (_("行为记录"), _("序号、日期、行为、内容。")),
    "menus": (_("菜单与视图"), _("列表的视图、列与导出；不用脚本也能打开。")),
    "hits": (_("检索结果"), _("每处文字给出出处，所查的词加以标示。")),
    "pages": (_("分页"), _("上一页、所在页、下一页。")),
    "chart": (_("图表"), _("服务器绘制的 SVG，同一数据必有表格。")),
}
GROUPS = {
    "colour": (_("颜色"), ("paper", "ground", "sunken", "ink", "ink-2", "ink-3", "line",
               "line-strong", "accent", "accent-strong", "accent-ground", "on-accent", "seal",
               "good", "good-ground", "warn", "warn-ground", "bad", "bad-ground", "focus")),
    "type": (_("字号"), ("text-xs", "text-s", "text-m", "text-l", "text-xl", "text-xxl")),
    "space": (_("间距"), ("s1", "s2", "s3", "s4", "s5", "s6")),
}  # fmt: skip


@dataclass(frozen=True)
class Component:
    """A component: what it is for, how it looks, how it is written."""

    id: str
    name: Any
    says: Any
    shown: SafeString
    source: str


@lru_cache(maxsize=1)
def tokens() -> dict[str, tuple[str, str]]:
    """Each token's value in light and in dark, as the style sheet has them."""
    found = finders.find("desk/tokens.css")
    light, dark = Path(str(found)).read_text(encoding="utf-8").split("@media", 1)
    pattern = re.compile(r"--([a-z0-9-]+):\s*([^;]+);")
    bright: dict[str, str] = dict(pattern.findall(light))
    dim: dict[str, str] = dict(pattern.findall(dark))
    return {name: (value, dim.get(name, value)) for name, value in bright.items()}


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Tokens and components, for whoever is signed in."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(reverse("account_login"))
    known = tokens()
    groups = [
        (group, title, [(n, *known[n]) for n in names]) for group, (title, names) in GROUPS.items()
    ]
    parts = [Part("筹建期", 12, "", 0), Part("运行期", 31, "", 1), Part("已撤销", 2, "", 5)]
    given = {"drawing": charts.bars("各阶段的中心", parts), "parts": parts}
    context = {
        "here": "design",
        "groups": groups,
        "components": [_component(n, *said, given) for n, said in COMPONENTS.items()],
    }
    return render(request, "desk/design.html", context)


def _component(name: str, title: Any, says: Any, given: dict[str, Any]) -> Component:
    template = get_template(f"desk/design/{name}.html")
    shown = SafeString(template.render(given))
    return Component(name, title, says, shown, template.template.source.strip())


urls = [path("design/", design, name="design")]

"""Who ever wrote in a dossier; of those before, as far as it was kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations, models


def known(apps: Any, schema_editor: Any) -> None:
    """Enters who began a dossier, attached a file, or changed it last (and did not return it)."""
    Dossier = apps.get_model("dossiers", "Dossier")
    for dossier in Dossier.objects.iterator():
        returned = set(dossier.returns.values_list("by", flat=True))
        attached = set(dossier.attachments.values_list("added_by", flat=True))
        wrote = {dossier.created_by_id, *attached, *({dossier.changed_by_id} - returned)}
        dossier.editors.add(*(wrote - {None}))


class Migration(migrations.Migration):
    dependencies = [
        ("dossiers", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="dossier",
            name="editors",
            field=models.ManyToManyField(related_name="+", to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(known, migrations.RunPython.noop),
    ]

"""A return for correction can be taken back until one of the senders has opened it."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("dossiers", "0002_editors"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("return", "recalled", models.DateTimeField(null=True)),
        migrations.AddField("return", "seen", models.DateTimeField(null=True)),
        migrations.AddField(
            "return",
            "seen_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        # Of those before it is not known: they count as opened.
        migrations.RunSQL(
            "UPDATE dossiers_return SET seen = at WHERE seen IS NULL", migrations.RunSQL.noop
        ),
    ]

"""Acts are appended only: the database itself refuses to change or remove them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '已记录的行为不得更改或删除（%）/ recorded acts are never changed or deleted (%)',
    TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION ledger_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.act_id = OLD.act_id
    AND (NEW.organisation IS NOT DISTINCT FROM OLD.organisation)
    AND (NEW.exception IS NOT DISTINCT FROM OLD.exception)
    AND (NEW.documents = OLD.documents)
    AND (NEW.person IS NULL OR NEW.person = OLD.person)
    AND (NEW.answers IS NULL OR NEW.answers = OLD.answers)
    AND (NEW.words IS NULL OR NEW.words = OLD.words)
    AND NEW.data = (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}'::jsonb)
                    FROM jsonb_each(OLD.data) e WHERE NEW.data ? e.key)
    AND NEW.salts = (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}'::jsonb)
                     FROM jsonb_each(OLD.salts) e WHERE NEW.salts ? e.key)
    AND NOT EXISTS (
      SELECT 1 FROM jsonb_object_keys(OLD.salts) gone(part)
      WHERE NOT (NEW.salts ? gone.part)
        AND NOT EXISTS (SELECT 1 FROM ledger_erasure x
                        WHERE x.act_id = OLD.act_id AND x.part = gone.part))
    AND NOT EXISTS (
      SELECT 1 FROM jsonb_object_keys(OLD.data) gone(name)
      WHERE NOT (NEW.data ? gone.name)
        AND NOT EXISTS (SELECT 1 FROM ledger_erasure x
                        WHERE x.act_id = OLD.act_id AND x.part = 'data.' || gone.name))
    AND (NEW.person IS NOT DISTINCT FROM OLD.person OR EXISTS
         (SELECT 1 FROM ledger_erasure x WHERE x.act_id = OLD.act_id AND x.part = 'person'))
    AND (NEW.answers IS NOT DISTINCT FROM OLD.answers OR EXISTS
         (SELECT 1 FROM ledger_erasure x WHERE x.act_id = OLD.act_id AND x.part = 'answers'))
    AND (NEW.words IS NOT DISTINCT FROM OLD.words OR EXISTS
         (SELECT 1 FROM ledger_erasure x WHERE x.act_id = OLD.act_id AND x.part = 'words'))
  THEN RETURN NEW;
  END IF;
  RAISE EXCEPTION '行为内容只能依删除记录清空，不得更改 / a payload may only be erased, on record'
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION ledger_document_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.content IS NULL
    AND (to_jsonb(NEW) - 'content') = (to_jsonb(OLD) - 'content')
    AND EXISTS (SELECT 1 FROM ledger_erasure x JOIN ledger_actpayload p ON p.act_id = x.act_id
                WHERE x.part = 'documents.' || OLD.type
                  AND p.documents -> OLD.type ->> 'digest' = OLD.digest)
  THEN RETURN NEW;
  END IF;
  RAISE EXCEPTION '材料版本只能依删除记录清空，不得更改 / a document may only be erased, on record'
    USING ERRCODE = 'insufficient_privilege';
END $$;
"""

TABLES = {
    "ledger_actrecord": "ledger_append_only",
    "ledger_erasure": "ledger_append_only",
    "ledger_officialtext": "ledger_append_only",
    "ledger_actpayload": "ledger_erase_only",
    "ledger_documentversion": "ledger_document_erase_only",
}

for _table, _update in TABLES.items():
    FORWARD += f"""
CREATE TRIGGER no_update BEFORE UPDATE ON {_table}
  FOR EACH ROW EXECUTE FUNCTION {_update}();
CREATE TRIGGER no_delete BEFORE DELETE ON {_table}
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {_table}
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
"""

BACK = "".join(
    f"DROP TRIGGER {name} ON {table};\n"
    for table in TABLES
    for name in ("no_update", "no_delete", "no_truncate")
)
BACK += """
DROP FUNCTION ledger_append_only();
DROP FUNCTION ledger_erase_only();
DROP FUNCTION ledger_document_erase_only();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACK)]

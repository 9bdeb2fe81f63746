"""Two constraints for ``Meta.constraints``: a tenant's policy, and a composite foreign key."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models.constraints import BaseConstraint

from igny8_core.common.tenancy.context import SETTING, current_account_id

APP_ROLE, OWNER_ROLE, STAFF_ROLE = "igny8_app", "igny8_owner", "igny8_admin"
READ_WRITE = "SELECT, INSERT, UPDATE, DELETE"
# A scalar subquery is evaluated once per statement; one argument makes "no tenant" an error.
PREDICATE = f"%s = (SELECT current_setting('{SETTING}')::bigint)"
MAINTENANCE = "current_setting('igny8.maintenance', true) = 'on'"


class _Constraint(BaseConstraint):
    """Equality and migration state by the keyword arguments that differ from their defaults."""

    defaults: ClassVar[dict[str, Any]] = {}

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        for name, default in self.defaults.items():
            if getattr(self, name) != default:
                kwargs[name] = getattr(self, name)
        return path, args, kwargs

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.deconstruct() == other.deconstruct()

    __hash__ = BaseConstraint.__hash__

    def constraint_sql(self, model: Any, editor: Any) -> Any:
        """Called by CREATE TABLE: nothing goes inside the parentheses."""
        if (statement := self.create_sql(model, editor)) is not None:
            editor.deferred_sql.append(statement)


class TenantPolicy(_Constraint):
    """Row-level security, forced, with one policy per role, and the grants that go with them.

    The grants are issued here and nowhere else: a table without a policy cannot be read at all.
    Policies carry the constraint's name, not the table's, so that a renamed table keeps them.

    :param field: the account, or the key of the account table itself.
    :param staff: privileges of the staff role on all rows, for example ``"SELECT"``.
    """

    defaults: ClassVar = {"field": "account", "privileges": READ_WRITE, "staff": ""}

    def __init__(
        self,
        *,
        name: str,
        field: str = "account",
        privileges: str = READ_WRITE,
        staff: str = "",
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )
        self.field, self.privileges, self.staff = field, privileges, staff

    def create_sql(self, model: Any, editor: Any) -> Any:
        predicate = PREDICATE % editor.quote_name(model._meta.get_field(self.field).column)
        sql = (
            "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY; "
            "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY; "
            "CREATE POLICY %(name)s ON %(table)s TO %(app)s"
            " USING (%(predicate)s) WITH CHECK (%(predicate)s); "
            "CREATE POLICY %(maintenance)s ON %(table)s TO %(owner)s USING (%(gate)s); "
            "GRANT %(privileges)s ON %(table)s TO %(app)s"
        )
        if self.staff:
            sql += (
                "; CREATE POLICY %(staff)s ON %(table)s TO %(staff_role)s"
                " USING (true) WITH CHECK (true); "
                "GRANT %(staff_privileges)s ON %(table)s TO %(staff_role)s"
            )
        return Statement(
            sql,
            **self._parts(model, editor),
            predicate=predicate,
            gate=MAINTENANCE,
            privileges=self.privileges,
            staff_privileges=self.staff,
        )

    def remove_sql(self, model: Any, editor: Any) -> Any:
        """Take the privileges first. Row security stays enabled: without a policy, no rows."""
        return Statement(
            "REVOKE ALL ON %(table)s FROM %(app)s, %(staff_role)s; "
            "DROP POLICY %(name)s ON %(table)s; DROP POLICY %(maintenance)s ON %(table)s; "
            "DROP POLICY IF EXISTS %(staff)s ON %(table)s",
            **self._parts(model, editor),
        )

    def _parts(self, model: Any, editor: Any) -> dict[str, Any]:
        quote = editor.quote_name
        return {
            "table": Table(model._meta.db_table, quote),
            "name": quote(self.name),
            "maintenance": quote(f"{self.name}_maintenance"),
            "staff": quote(f"{self.name}_staff"),
            "app": quote(APP_ROLE),
            "owner": quote(OWNER_ROLE),
            "staff_role": quote(STAFF_ROLE),
        }

    def validate(
        self,
        model: Any,
        instance: Any,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,  # noqa: ARG002 - Django's signature
    ) -> None:
        current = current_account_id()
        if current is None or (exclude and self.field in exclude):
            return
        if getattr(instance, model._meta.get_field(self.field).attname) != current:
            error = ValidationError("Row belongs to another account.", code="foreign_account")
            raise ValidationError({self.field: error})


class CompositeForeignKey(_Constraint):
    """``FOREIGN KEY (fields) REFERENCES <model of rel> (to_fields)``, not deferrable.

    Replaces the constraints of the relations it covers: those have ``db_constraint=False``.

    :param rel: the relation field that names the target model. A model path kept here would go
        stale when the model is renamed; the field is kept up to date in migration state.
    :param set_null: columns that the database clears when the target goes (PostgreSQL 15+).
    :param error_field: where a violation is reported.
    """

    defaults: ClassVar = {"set_null": (), "error_field": None}
    non_db_attrs = (*BaseConstraint.non_db_attrs, "error_field")  # altering them makes no SQL

    def __init__(
        self,
        *,
        name: str,
        fields: Any,
        rel: str,
        to_fields: Any,
        set_null: Any = (),
        error_field: str | None = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )
        self.fields, self.rel, self.to_fields = tuple(fields), rel, tuple(to_fields)
        self.set_null, self.error_field = tuple(set_null), error_field
        if len(self.fields) != len(self.to_fields):
            raise ValueError("fields and to_fields differ in length")

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        kwargs |= {"fields": self.fields, "rel": self.rel, "to_fields": self.to_fields}
        return path, args, kwargs

    def create_sql(self, model: Any, editor: Any) -> Any:
        """Queue for the end of the migration, as Django does with its own foreign keys."""
        quote, target = editor.quote_name, self._target(model)
        on_delete = ""
        if self.set_null:
            columns = ", ".join(quote(c) for c in _columns(model, self.set_null))
            on_delete = f" ON DELETE SET NULL ({columns})"
        table, to_table = model._meta.db_table, target._meta.db_table
        editor.deferred_sql.append(
            Statement(
                "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY (%(columns)s)"
                " REFERENCES %(to_table)s (%(to_columns)s)%(on_delete)s",
                table=Table(table, quote),
                name=quote(self.name),
                columns=Columns(table, _columns(model, self.fields), quote),
                to_table=Table(to_table, quote),
                to_columns=Columns(to_table, _columns(target, self.to_fields), quote),
                on_delete=on_delete,
            )
        )

    def remove_sql(self, model: Any, editor: Any) -> Any:
        quote = editor.quote_name
        queued = [
            statement
            for statement in editor.deferred_sql
            if isinstance(statement, Statement) and statement.parts.get("name") == quote(self.name)
        ]
        if queued:  # added and removed in one migration
            for statement in queued:
                editor.deferred_sql.remove(statement)
            return None
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT IF EXISTS %(name)s",
            table=Table(model._meta.db_table, quote),
            name=quote(self.name),
        )

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        """Compare with the loaded parent, or ask the database once."""
        if exclude and not set(self.fields).isdisjoint(exclude):
            return
        target = self._target(model)
        names = [target._meta.get_field(f).attname for f in self.to_fields]
        values = [getattr(instance, model._meta.get_field(f).attname) for f in self.fields]
        if None in values:
            return
        wanted = dict(zip(names, values, strict=True))
        relation = model._meta.get_field(self.rel)
        parent = relation.get_cached_value(instance, default=None)
        if parent is not None and parent.pk == getattr(instance, relation.attname):
            aligned = all(getattr(parent, name) == value for name, value in wanted.items())
        else:
            aligned = target._base_manager.using(using).filter(**wanted).exists()
        if not aligned:
            error = self._error(instance, wanted, parent, using)
            raise ValidationError({self.error_field: error}) if self.error_field else error

    def _error(
        self, instance: Any, wanted: dict[str, Any], parent: Any, using: str
    ) -> ValidationError:
        """The message, with what differs: the row's own value and the related row's.

        A related row of another account has no values to show; it might as well not be there.
        """
        text = str(self.get_violation_error_message())
        key = getattr(instance, instance._meta.get_field(self.rel).attname)
        if parent is None or parent.pk != key:
            rows = self._target(instance)._base_manager.using(using)
            parent = rows.filter(pk=key).first()
        owner = getattr(parent, "account_id", None)
        if parent is None or owner not in {None, getattr(instance, "account_id", None)}:
            text = f"{text} There is no {self.rel.replace('_', ' ')} {key} in this account."
        else:
            pairs = ", ".join(
                f"{name.removesuffix('_id')} {value} here, {getattr(parent, name)} there"
                for name, value in wanted.items()
                if getattr(parent, name) != value
            )
            text = f"{text.rstrip('.')}: {pairs}."
        return ValidationError(text, code=self.violation_error_code or "misaligned")

    def _target(self, model: Any) -> Any:
        return model._meta.get_field(self.rel).remote_field.model


class StatusTrail(_Constraint):
    """A trigger that records every change of a status: who, when, from, to, why.

    It holds whatever wrote the change: the ORM, a set-based statement, a person with psql. The
    actor and the reason are settings of the transaction (``common.tenancy.context``).

    :param field: the lifecycle's column.
    :param is_set_based: once a statement instead of once a row, for rows that move by the
        thousands; a statement that changes other columns then pays a little, too.
    """

    defaults: ClassVar = {"field": "status", "is_set_based": False}

    def __init__(
        self,
        *,
        name: str,
        field: str = "status",
        is_set_based: bool = False,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )
        self.field, self.is_set_based = field, is_set_based
        if is_set_based and field != "status":
            raise ValueError("rows move in sets by their status alone")

    def create_sql(self, model: Any, editor: Any) -> Any:
        how = (
            " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT"
            " EXECUTE FUNCTION record_status_changes(%(label)s)"
            if self.is_set_based
            else " FOR EACH ROW WHEN (OLD.%(column)s IS DISTINCT FROM NEW.%(column)s)"
            " EXECUTE FUNCTION record_status_change(%(label)s, %(field)s)"
        )
        return Statement(
            f"CREATE TRIGGER %(name)s AFTER UPDATE ON %(table)s{how}",
            **self._parts(model, editor),
            label=editor.quote_value(model._meta.label),
            field=editor.quote_value(self.field),
            column=editor.quote_name(self.field),
        )

    def remove_sql(self, model: Any, editor: Any) -> Any:
        return Statement("DROP TRIGGER %(name)s ON %(table)s", **self._parts(model, editor))

    def validate(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing about a row can violate it."""

    def _parts(self, model: Any, editor: Any) -> dict[str, Any]:
        quote = editor.quote_name
        return {"table": Table(model._meta.db_table, quote), "name": quote(self.name)}


def _columns(model: Any, names: tuple[str, ...]) -> list[str]:
    return [model._meta.get_field(name).column for name in names]

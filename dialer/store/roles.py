"""Who may do what on a server: least privilege, three isolations (R27).

The owner's role is used by `dialer db` alone. The engine's roles can neither change the
schema nor connect to each other's database, and none can change what the journal says.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from dialer.store.address import Addresses

KEEP = "SELECT, INSERT"  # what was written stays as it is
CHANGE = "SELECT, INSERT, UPDATE"
#: By database: what each role may do with which table.
MAY: dict[str, dict[str, dict[str, str]]] = {
    "vault": {
        "vault": {
            "alembic_version": "SELECT",
            "keyring": "SELECT, INSERT, DELETE",  # a rotation ends the old key
            "records": "SELECT, INSERT, UPDATE (wrapped, key_version)",
        }
    },
    "ledger": {
        "ledger": {
            "alembic_version": "SELECT",
            "batches": CHANGE,
            "reviews": KEEP,
            "contacts": CHANGE,
            "numbers": KEEP,
            "flags": f"{KEEP}, UPDATE (until)",
            "inbound": KEEP,
            "campaigns": CHANGE,
            "attempts": CHANGE,
            "turns": KEEP,
            "previews": f"{CHANGE}, DELETE",
            "agreements": CHANGE,
            "agreement_events": KEEP,
            "nodes": CHANGE,
            "starts": CHANGE,
            "seats": f"{KEEP}, DELETE",
            "duties": f"{KEEP}, DELETE",
            "journal": KEEP,
            "cursors": CHANGE,
        },
        "evidence": {
            "alembic_version": "SELECT",
            "journal": "SELECT",
            "cursors": CHANGE,
        },
    },
}


def grant(connection: Connection, name: str, addresses: Addresses) -> None:
    """In an upgraded database, as its owner: exactly this and nothing else."""
    for said in grants(connection, name, addresses):
        connection.exec_driver_sql(said)


def grants(connection: Connection, name: str, addresses: Addresses) -> Iterator[str]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    database = quote(addresses.items()[name].database)
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    roles = {who: getattr(addresses, who).role for who in MAY[name]}
    for role in dict.fromkeys(roles.values()):
        yield f"GRANT CONNECT ON DATABASE {database} TO {quote(role)}"
        yield f"GRANT USAGE ON SCHEMA public TO {quote(role)}"
    for who, tables in MAY[name].items():
        for table, may in tables.items():
            yield f"GRANT {may} ON {table} TO {quote(roles[who])}"
    if name == "ledger":
        yield f"GRANT USAGE ON SEQUENCE attempts_row_seq TO {quote(roles['ledger'])}"


def script(addresses: Addresses, owner: str) -> str:
    """For psql, as a superuser: roles and empty databases. Passwords are set there."""
    working = (addresses.vault, addresses.ledger, addresses.evidence)
    roles = dict.fromkeys([owner, *(address.role for address in working)])
    lines = [f'CREATE ROLE "{role}" LOGIN;' for role in roles]
    for address in addresses.items().values():
        name = f'"{address.database}"'
        lines.append(
            f'CREATE DATABASE {name} OWNER "{owner}" TEMPLATE template0'
            " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';"
        )
        lines.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;")
    lines += [f'\\password "{role}"' for role in roles]
    return "\n".join(lines) + "\n"

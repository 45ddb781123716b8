-- Run once, in an empty cluster, as its superuser: the roles and databases of
-- `dialer db roles`, each database on a volume of its own. Tables and what each role may do
-- with them come from `dialer db upgrade`. Passwords are the content of files.
\set ON_ERROR_STOP on
\set owner `cat /run/secrets/db_owner`
\set vault `cat /run/secrets/db_vault`
\set ledger `cat /run/secrets/db_ledger`
\set evidence `cat /run/secrets/db_evidence`

CREATE ROLE accord_owner LOGIN PASSWORD :'owner';
CREATE ROLE accord_vault LOGIN PASSWORD :'vault';
CREATE ROLE accord_ledger LOGIN PASSWORD :'ledger';
CREATE ROLE accord_evidence LOGIN PASSWORD :'evidence';

CREATE TABLESPACE accord_vault OWNER accord_owner LOCATION '/var/lib/accord/vault';
CREATE TABLESPACE accord_ledger OWNER accord_owner LOCATION '/var/lib/accord/ledger';

CREATE DATABASE accord_vault OWNER accord_owner TABLESPACE accord_vault
    TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE accord_ledger OWNER accord_owner TABLESPACE accord_ledger
    TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';

REVOKE ALL ON DATABASE accord_vault FROM PUBLIC;
REVOKE ALL ON DATABASE accord_ledger FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE accord_vault TO accord_vault;
GRANT CONNECT ON DATABASE accord_ledger TO accord_ledger, accord_evidence;

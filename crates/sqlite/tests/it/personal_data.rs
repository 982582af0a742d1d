//! What is held of a learner, table by table, as the catalogue of the database tells it.

use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use parlance_contract::personal::rules::{self, Catalogue};

use crate::support::fresh;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    col: String,
    #[diesel(sql_type = Text)]
    other: String,
}

const TABLES: &str = "t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%' \
     AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'";

fn catalogue() -> Catalogue {
    let fresh = fresh();
    let mut connection = SqliteConnection::establish(fresh.database.path().to_str().unwrap()).unwrap();
    let mut found = |question: String| -> Vec<Found> { sql_query(question).load(&mut connection).unwrap() };
    let mut catalogue = Catalogue::default();
    for row in found(format!(
        "SELECT t.name, c.name AS col, '' AS other FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c \
         WHERE {TABLES}"
    )) {
        catalogue.columns.entry(row.name).or_default().insert(row.col);
    }
    for row in found(format!(
        "SELECT t.name, f.\"from\" AS col, f.\"table\" AS other FROM pragma_table_list t \
         JOIN pragma_foreign_key_list(t.name) f WHERE {TABLES} AND f.on_delete = 'CASCADE'"
    )) {
        catalogue.goes_with.insert((row.name, row.col), row.other);
    }
    catalogue
}

#[test]
fn every_table_has_a_rule_for_export_and_deletion() {
    rules::every_table_has_a_rule_for_export_and_deletion(&catalogue());
}

#[test]
fn threat_58_what_goes_with_the_account_does_so_by_foreign_keys() {
    rules::what_goes_with_the_account_does_so_by_foreign_keys(&catalogue());
}

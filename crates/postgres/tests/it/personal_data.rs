//! What is held of a learner, table by table, as the catalogue of the database tells it.

use parlance_contract::personal::rules::{self, Catalogue};

use crate::support::{home, session};

async fn catalogue() -> Catalogue {
    let home = home().await;
    let session = session(&home.url()).await;
    let mut catalogue = Catalogue::default();
    let columns = "SELECT t.relname::text, a.attname::text FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid \
         WHERE t.relkind IN ('r', 'p') AND t.relnamespace = 'public'::regnamespace AND a.attnum > 0 \
         AND NOT a.attisdropped AND t.relname NOT LIKE '\\_\\_diesel%'";
    for row in session.query(columns, &[]).await.unwrap() {
        let of_table = catalogue.columns.entry(row.get(0)).or_default();
        of_table.insert(row.get(1));
    }
    let references = "SELECT f.conrelid::regclass::text, a.attname::text, f.confrelid::regclass::text \
         FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1] \
         WHERE f.contype = 'f' AND f.confdeltype = 'c' AND f.convalidated";
    for row in session.query(references, &[]).await.unwrap() {
        let from = (row.get(0), row.get(1));
        catalogue.goes_with.insert(from, row.get(2));
    }
    catalogue
}

#[tokio::test]
async fn every_table_has_a_rule_for_export_and_deletion() {
    rules::every_table_has_a_rule_for_export_and_deletion(&catalogue().await);
}

#[tokio::test]
async fn threat_58_what_goes_with_the_account_does_so_by_foreign_keys() {
    rules::what_goes_with_the_account_does_so_by_foreign_keys(&catalogue().await);
}

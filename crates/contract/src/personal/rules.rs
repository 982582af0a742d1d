//! Every table of a database has a rule for export and deletion, as [`TABLES`] says; held by the catalogue of the database.

use std::collections::{BTreeMap, BTreeSet};

use parlance_domain::personal::{End, Rows, TABLES, Table};

/// How a column may be named that says whose a row is.
const OWNERS: [&str; 7] = [
    "user_id",
    "account_id",
    "owner_id",
    "learner_id",
    "actor_id",
    "subject_id",
    "email",
];

/// What the catalogue of a database says.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The columns of each table.
    pub columns: BTreeMap<String, BTreeSet<String>>,
    /// For each table and column that refers to another: the other, where rows go with those of it.
    pub goes_with: BTreeMap<(String, String), String>,
}

fn rule(name: &str) -> &'static Table {
    let found = TABLES.iter().find(|table| table.name == name);
    found.unwrap_or_else(|| {
        panic!("table {name} has no rule for export and deletion: give it one in parlance_domain::personal::TABLES")
    })
}

/// Each table has a rule, and each rule a table; each column of a learner's table is handed out or kept back.
pub fn every_table_has_a_rule_for_export_and_deletion(catalogue: &Catalogue) {
    for (name, columns) in &catalogue.columns {
        let table = rule(name);
        let named: BTreeSet<String> = table
            .columns
            .iter()
            .map(|column| column.name.to_owned())
            .collect();
        match table.rows {
            Rows::OfNobody(_) => {
                let owner = OWNERS.into_iter().find(|owner| columns.contains(*owner));
                assert_eq!(owner, None, "table {name} is said to be nobody's");
            }
            Rows::OfUser(_) | Rows::OfActorAndSubject => {
                assert_eq!(
                    columns, &named,
                    "columns of {name} have no rule, or rules no column"
                );
            }
        }
    }
    for table in TABLES {
        assert!(
            catalogue.columns.contains_key(table.name),
            "there is no table {}",
            table.name
        );
    }
}

/// What is said to go with the account does so by foreign keys, step by step.
pub fn what_goes_with_the_account_does_so_by_foreign_keys(catalogue: &Catalogue) {
    for table in TABLES {
        let (Rows::OfUser(column), End::WithAccount) = (table.rows, table.end) else {
            continue;
        };
        let mut at = (table.name.to_owned(), column.to_owned());
        let mut steps = 0;
        while at.0 != "accounts" {
            let above = catalogue.goes_with.get(&at);
            let above = above.unwrap_or_else(|| panic!("{}.{} does not go with the account", at.0, at.1));
            at = (above.clone(), "user_id".to_owned());
            steps += 1;
            assert!(steps < 5, "{} refers to itself", table.name);
        }
    }
}

//! What becomes of an audit log that somebody writes to behind the program.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use parlance_contract::tampering::{REFUSED, TAMPERING, log, seven};

use crate::support::{Fresh, fresh, stores_of};

fn behind(fresh: &Fresh) -> SqliteConnection {
    let path = fresh.database.path().to_str().unwrap();
    let mut connection = SqliteConnection::establish(path).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}

#[tokio::test]
async fn whatever_is_changed_behind_the_program_is_found() {
    for (statements, fault) in TAMPERING {
        let fresh = fresh();
        let stores = stores_of(&fresh.database);
        seven(&stores).await;
        let report = log(&stores).verify(None).await.unwrap();
        assert_eq!((report.fault, report.sealed, report.unsealed), (None, 7, 1));
        behind(&fresh)
            .batch_execute(&format!(
                "DROP TRIGGER audit_entries_stay; DROP TRIGGER audit_entries_stay_there; {statements}"
            ))
            .unwrap();
        let report = log(&stores).verify(None).await.unwrap();
        assert_eq!(report.fault, Some(fault), "{statements}");
    }
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_an_entry() {
    let fresh = fresh();
    let stores = stores_of(&fresh.database);
    seven(&stores).await;
    for statement in REFUSED {
        let error = behind(&fresh).batch_execute(statement).unwrap_err();
        assert!(
            error.to_string().contains("are not changed"),
            "{statement}: {error}"
        );
    }
    assert_eq!(log(&stores).verify(None).await.unwrap().fault, None);
}

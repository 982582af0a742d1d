//! Personal data: everything that is held of a learner, handed out on demand, and gone when they go.

mod archives;
mod export;
mod leaving;
mod ports;
mod row;
mod rules;
mod service;
mod tables;

pub use archives::{ArchivePorts, Archives, BuildError, Built, EXPORTS_KEPT_FOR};
pub use export::{
    Export, ExportAttempt, ExportFileName, ExportState, InvalidExportFileName, ReadyExport, WELL_FOR,
};
pub use leaving::{DELETION_DELAY, DeleteAccountError};
pub use ports::{
    ExportArchive, ExportContent, ExportFiles, ExportLease, ExportOrder, ExportOutcome, ExportStore,
    HeldData, HeldPage, Requested, TakenExport,
};
pub use row::{HeldRow, csv_header, csv_rows, json_rows};
pub use rules::{Column, End, Kind, Rows, Shown, Table};
pub use service::{Download, DownloadError, PersonalData, PersonalDataPorts, RequestExportError};
pub use tables::TABLES;

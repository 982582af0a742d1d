//! An archive as an answer: sent piece by piece, kept by nobody on the way.

use std::collections::BTreeMap;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, Responder};
use apistos::ApiComponent;
use apistos::paths::{MediaType, Response, Responses};
use apistos::reference_or::ReferenceOr;
use parlance_domain::personal::{Download, ExportContent};
use schemars::schema::{InstanceType, Schema, SchemaObject};

const ZIP: &str = "application/zip";

/// An archive.
pub(super) struct ArchiveReply(pub(super) Download);

impl Responder for ArchiveReply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let ExportContent { length, pieces } = self.0.content;
        let day = self.0.export.requested_at.date_naive();
        let name = format!("attachment; filename=\"personal-data-{day}.zip\"");
        HttpResponse::Ok()
            .content_type(ZIP)
            .insert_header((header::CONTENT_DISPOSITION, name))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            // It is compressed already.
            .insert_header((header::CONTENT_ENCODING, "identity"))
            .body(SizedStream::new(length, pieces))
    }
}

impl ApiComponent for ArchiveReply {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn responses(_: Option<String>) -> Option<Responses> {
        let bytes = SchemaObject {
            instance_type: Some(InstanceType::String.into()),
            format: Some("binary".to_owned()),
            ..SchemaObject::default()
        };
        let media = MediaType {
            schema: Some(ReferenceOr::Object(Schema::Object(bytes))),
            ..MediaType::default()
        };
        let response = Response {
            content: BTreeMap::from([(ZIP.to_owned(), media)]),
            ..Response::default()
        };
        Some(Responses {
            responses: BTreeMap::from([("200".to_owned(), ReferenceOr::Object(response))]),
            ..Responses::default()
        })
    }
}

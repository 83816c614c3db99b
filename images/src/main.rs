//! The program `sluice-image`: makes and runs images of virtual machines in which Sluice is the only program.
#![forbid(unsafe_code)]
mod run;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use sluice_images::manifest::Manifest;
use sluice_images::recipe::Recipe;
use sluice_images::{build, cache};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes and runs images of virtual machines in which Sluice is the only program.
#[derive(Parser)]
#[command(name = "sluice-image", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Build(Build),
    Run(Box<run::Args>),
    Size(Image),
    Clean(Clean),
}

/// Builds an image: kernel (minutes the first time, then cached), program, initramfs, and the formats of its recipe.
#[derive(clap::Args)]
struct Build {
    #[command(flatten)]
    image: Image,
    /// Take this program instead of building it: `sluice` without shared libraries.
    #[arg(long)]
    program: Option<PathBuf>,
    /// The image's folder. Default: `target/images/NAME`.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Prints what an image consists of, and how long each part is.
#[derive(clap::Args)]
struct Image {
    /// A recipe's file or the name of one in `images/recipes`; `run` and `size` also take an image's folder or manifest.
    #[arg(default_value = "full")]
    image: PathBuf,
}

/// Removes images.
#[derive(clap::Args)]
struct Clean {
    /// Kernels too, which take minutes to build again.
    #[arg(long)]
    kernels: bool,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Build(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Size(image) => manifest(&image.image).map(|(m, _)| print!("{}", m.table())),
        Command::Clean(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sluice-image: {e:#}");
            ExitCode::FAILURE
        }
    }
}

impl Build {
    fn run(&self) -> Result<()> {
        let recipe = recipe(&self.image.image)?;
        let out = self.out.clone().unwrap_or_else(|| images().join(&recipe.name));
        let manifest = build::image(&recipe, self.program.as_deref(), &out, &|line| eprintln!("{line}"))?;
        print!("{}", manifest.table());
        println!("in {}", out.display());
        Ok(())
    }
}

impl Clean {
    fn run(&self) -> Result<()> {
        cache::remove(&images())?;
        if self.kernels {
            cache::remove(&cache::folder()?.join("kernel"))?;
        }
        Ok(())
    }
}

/// Where images lie: beside what cargo builds.
fn images() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|t| !t.is_empty());
    target.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from).join("images")
}

/// A recipe by its file or by its name.
fn recipe(named: &Path) -> Result<Recipe> {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let known = recipes.join(named).with_extension("toml");
    if named.is_file() {
        return Recipe::read(named);
    }
    if named.components().count() == 1 && known.is_file() {
        return Recipe::read(&known);
    }
    bail!("there is no recipe {}: want a file, or one of those in {}", named.display(), recipes.display())
}

/// The image of a recipe, or of a folder or manifest, and where it lies.
fn manifest(named: &Path) -> Result<(Manifest, PathBuf)> {
    if named.is_dir() || named.extension().is_some_and(|e| e == "json") {
        return Manifest::read(named);
    }
    let recipe = recipe(named)?;
    let built = images().join(&recipe.name);
    Manifest::read(&built).with_context(|| format!("build it first: sluice-image build {}", named.display()))
}

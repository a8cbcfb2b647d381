//! `kiln test`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use kiln_pipeline::{BuildOptions, Pipeline, PlatformImage};
use kiln_types::{Clock as _, Plan};

use crate::cli::Selection;
use crate::commands::lock::obtain;
use crate::context::Context;
use crate::engine;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::load;
use crate::output;
use crate::render::{self, Table};
use crate::run_settings::runs_as_root;
use crate::testing::report::{self, TargetTests, TestAnswer, TestResult};
use crate::testing::{Engine, Outcome, Strictness, Subject};

/// Run the tests that a definition declares against the built image, in the local engine
///
/// The image is built if need be, loaded under a name of its own, and gone afterwards. Containers
/// have a read-only root file system, only the declared writable paths, no capabilities and no new
/// privileges, except in variants that run as root.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln test nginx                         this machine's platform, variant `standard`\n  \
    kiln test nginx --variant all --platform all\n  \
    kiln test ./image.yaml --settings all   also as an arbitrary user with group 0, with limits\n  \
    kiln test nginx --junit report.xml      for CI systems\n\n\
    Exit codes: 0 all passed · 1 no engine, or it could not be built · 2 a test failed")]
pub(crate) struct TestArgs {
    /// An image of the catalog, a definition file, or a folder with one
    image: String,
    #[command(flatten)]
    selection: Selection,
    /// The engine's client [default: the first of docker, podman and nerdctl on PATH]
    #[arg(long, value_name = "CLIENT")]
    engine: Option<String>,
    /// Under which settings
    #[arg(long, value_name = "SETTINGS", default_value = "declared")]
    settings: SettingsChoice,
    /// Only tests whose name holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write a report in JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a report in the common test report format (CTRF)
    #[arg(long, value_name = "FILE")]
    ctrf: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SettingsChoice {
    /// What the definition declares
    Declared,
    /// The same as user 1000680000 with group 0, with limits on memory and processes; variants that
    /// run as root have no such settings
    Strict,
    /// Both
    All,
}

pub(crate) fn run(context: &Context, args: &TestArgs) -> Result<(), Failure> {
    output::must_be_file("--junit", args.junit.as_deref())?;
    output::must_be_file("--ctrf", args.ctrf.as_deref())?;
    let loaded = load(&args.image)?;
    let all = loaded.all_plans(&args.selection)?;
    let selected = loaded.select(&args.selection, &all)?;
    let selected = for_this_machine(args, selected);
    loaded.tell_warnings(context);
    let client = match &args.engine {
        Some(client) => client.clone(),
        None => engine::client(context)?,
    };
    let engine = Engine::connect(client)?;
    let store = context.store()?;
    let guard = store.hold(&kiln_pipeline::Wait::at_most(Duration::from_secs(600)));
    let _guard = guard.map_err(kiln_pipeline::PipelineError::from)?;
    let place = loaded.lock_place(&args.selection);
    let (lock, _) = obtain(context, &store, &loaded, &all, &place, false)?;
    let settings = context.pipeline_settings(loaded.folder(), lock.snapshot);
    let pipeline = context.pipeline(&store, &settings);
    let mut targets = Vec::new();
    for plan in &selected {
        let (image, _) = pipeline.build(plan, &lock, &BuildOptions::default())?;
        targets.extend(test_image(context, args, &engine, &pipeline, plan, &image)?);
    }
    let passed = |target: &TargetTests| target.tests.iter().filter(|test| test.passed).count();
    let count: usize = targets.iter().map(|target| target.tests.len()).sum();
    let good: usize = targets.iter().map(passed).sum();
    let answer = TestAnswer {
        image: loaded.definition.name.to_string(),
        engine: engine.client().to_owned(),
        targets,
        passed: good,
        failed: count - good,
        elapsed_ms: context.elapsed().as_secs_f64() * 1000.0,
    };
    write_reports(context, args, &answer)?;
    context.answer(&answer, || text(context, &answer))?;
    if answer.failed > 0 {
        return Err(Failure::Answered(Exit::No));
    }
    if count == 0 {
        context.say("no test was run: the definition declares none for this selection");
    }
    Ok(())
}

/// Without a word about platforms it is this machine's, because others need an emulator.
fn for_this_machine(args: &TestArgs, selected: Vec<Plan>) -> Vec<Plan> {
    let native = engine::native();
    if args.selection.platforms.is_empty()
        && selected.iter().any(|plan| Some(plan.platform) == native)
    {
        return selected
            .into_iter()
            .filter(|plan| Some(plan.platform) == native)
            .collect();
    }
    selected
}

fn test_image(
    context: &Context,
    args: &TestArgs,
    engine: &Engine,
    pipeline: &Pipeline<'_>,
    plan: &Plan,
    image: &PlatformImage,
) -> Result<Vec<TargetTests>, Failure> {
    let strictnesses: &[Strictness] = match args.settings {
        SettingsChoice::Declared => &[Strictness::Declared],
        SettingsChoice::Strict => &[Strictness::Strict],
        SettingsChoice::All => &[Strictness::Declared, Strictness::Strict],
    };
    let architecture = plan.platform.architecture;
    let loaded = engine.reserve_image(&format!(
        "{}-{}-{}-{architecture}",
        plan.image, plan.line, plan.variant
    ));
    let references = [loaded.reference().to_owned()];
    context.say_more(&format!("loading {} {}", plan.image, plan.target()));
    engine::load_platform(engine.client(), pipeline, image, &references)?;
    let folder = tempfile::Builder::new()
        .prefix("kiln-test")
        .tempdir()
        .context("cannot make a folder for the files of tests")?;
    engine.hold_folder(folder.path());
    let mut targets = Vec::new();
    for strictness in strictnesses {
        if *strictness == Strictness::Strict && runs_as_root(plan) {
            continue;
        }
        let subject = Subject {
            engine,
            plan,
            reference: loaded.reference(),
            strictness: *strictness,
            folder: folder.path(),
        };
        let mut target = TargetTests {
            target: plan.target().to_string(),
            settings: strictness.as_str().to_owned(),
            digest: image.manifest.digest.to_string(),
            tests: Vec::new(),
        };
        let title = target.title(plan.image.as_str());
        let wanted = plan.tests.iter().filter(|test| {
            args.only
                .as_ref()
                .is_none_or(|text| test.name.contains(text))
        });
        for test in wanted {
            let outcome = subject.run(test);
            tell(context, &title, &outcome);
            target.tests.push(TestResult {
                passed: outcome.failure.is_none(),
                ms: u64::try_from(outcome.time.as_millis()).unwrap_or(u64::MAX),
                name: outcome.name,
                message: outcome.failure,
            });
        }
        targets.push(target);
    }
    Ok(targets)
}

/// One line a test while they run; what went wrong comes at the end.
fn tell(context: &Context, title: &str, outcome: &Outcome) {
    if context.json {
        return;
    }
    let word = if outcome.failure.is_none() {
        context.err_painter.green("ok    ")
    } else {
        context.err_painter.red("FAILED")
    };
    let time = render::duration(outcome.time);
    context.say(&format!("{word} {title}: {} ({time})", outcome.name));
}

fn write_reports(context: &Context, args: &TestArgs, answer: &TestAnswer) -> Result<(), Failure> {
    if let Some(path) = &args.junit {
        output::keep(path, report::junit(answer).as_bytes())?;
    }
    if let Some(path) = &args.ctrf {
        let stop = context.clock.now().unix().saturating_mul(1000);
        let mut text = serde_json::to_string_pretty(&report::ctrf(answer, stop))
            .map_err(anyhow::Error::from)?;
        text.push('\n');
        output::keep(path, text.as_bytes())?;
    }
    Ok(())
}

fn text(context: &Context, answer: &TestAnswer) -> String {
    let mut text = String::new();
    let mut table = Table::new(&[
        "target", "settings", ">tests", ">passed", ">failed", ">time",
    ]);
    for target in &answer.targets {
        let passed = target.tests.iter().filter(|test| test.passed).count();
        let time: u64 = target.tests.iter().map(|test| test.ms).sum();
        table.row([
            target.target.clone(),
            target.settings.clone(),
            target.tests.len().to_string(),
            passed.to_string(),
            (target.tests.len() - passed).to_string(),
            render::duration(Duration::from_millis(time)),
        ]);
        for test in &target.tests {
            if let Some(message) = &test.message {
                let title = target.title(&answer.image);
                text.push_str(&format!(
                    "{} {title}: {}\n",
                    context.painter.red("FAILED"),
                    test.name
                ));
                for line in message.lines() {
                    text.push_str(&format!("  {line}\n"));
                }
                text.push('\n');
            }
        }
    }
    text.push_str(&table.render(context.painter));
    text
}

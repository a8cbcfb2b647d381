//! `kiln db update`.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_pipeline::{
    AdvisoryFolder, FeedFetch, FetchedFeeds, Older, PublicationPlace, Subscription,
};
use kiln_types::{Clock as _, ErrorClass};
use kiln_vuln::feed::FeedKind;

use super::build::compile;
use super::{age_days, complete, failed, in_use, stays};
use crate::context::Context;
use crate::failure::Failure;
use crate::render;

pub(super) fn run(
    context: &Context,
    folder: &AdvisoryFolder,
    source: Option<&str>,
    allow_older: bool,
) -> Result<(), Failure> {
    let source = source.or(context.settings.advisory_source.value.as_deref());
    let place: Option<PublicationPlace> = match source {
        None | Some("feeds") => None,
        Some(text) => Some(text.parse().map_err(Failure::Usage)?),
    };
    let is_here = matches!(place, Some(PublicationPlace::Folder { .. }));
    if context.settings.offline.value && !is_here {
        return Err(Failure::Usage(
            "`kiln db update` uses the network, and `--offline` forbids that: compile files with \
             `kiln db build`, or take a database over with `kiln db import`"
                .to_owned(),
        ));
    }
    if allow_older && place.is_none() {
        return Err(Failure::Usage(
            "`--allow-older` is about a published database, and none is named".to_owned(),
        ));
    }
    let _lock = super::lock(context, folder)?;
    let before = folder.in_use().map_err(failed)?;
    let done = match &place {
        None => from_feeds(context, folder),
        Some(place) => published(context, folder, place, allow_older).map(|()| Vec::new()),
    };
    match done {
        Err(failure) => {
            stays(context, before.as_ref());
            Err(failure)
        }
        Ok(problems) => complete(&problems),
    }
}

/// Takes over what somebody publishes.
fn published(
    context: &Context,
    folder: &AdvisoryFolder,
    place: &PublicationPlace,
    allow_older: bool,
) -> Result<(), Failure> {
    let Some(key) = context.settings.advisory_key.value.as_deref() else {
        return Err(super::exchange::no_key("update"));
    };
    let keys = super::text_of(key)?;
    let net = context.pipeline_settings(Path::new("."), None).net;
    let taken = folder
        .take(&Subscription {
            place,
            keys: Some(&keys),
            net: &net,
            now: context.clock.now(),
            older: match allow_older {
                true => Older::Use,
                false => Older::Refuse,
            },
            reporter: &context.progress,
            tell: &|line| context.say(&render::printable(line)),
        })
        .map_err(failed)?;
    context.say(&match (taken.is_there, taken.is_delta) {
        (true, _) => "the published database is here already".to_owned(),
        (false, true) => format!("fetched {} as a delta", render::size(taken.sent)),
        (false, false) => format!("fetched {}", render::size(taken.sent)),
    });
    super::said(context, folder, &taken.snapshot)
}

fn from_feeds(context: &Context, folder: &AdvisoryFolder) -> Result<Vec<String>, Failure> {
    let mut feeds: BTreeMap<FeedKind, Vec<String>> = FeedKind::all()
        .map(|kind| {
            let urls = kind.default_urls().iter().map(ToString::to_string);
            (kind, urls.collect())
        })
        .collect();
    for (name, urls) in &context.settings.feeds.value {
        let kind = name.parse().map_err(Failure::Usage)?;
        let urls = urls.iter().filter(|url| !url.is_empty()).cloned();
        feeds.insert(kind, urls.collect());
    }
    let net = context.pipeline_settings(Path::new("."), None).net;
    let fetched = folder
        .fetch(&FeedFetch {
            feeds: &feeds,
            net: &net,
            now: context.clock.now(),
            reporter: &context.progress,
            tell: &|url, is_new| match is_new {
                true => context.say(&format!("fetched {}", render::printable(url))),
                false => context.say_more(&format!("{} is as it was", render::printable(url))),
            },
        })
        .map_err(failed)?;
    let problems = told(context, &fetched);
    if fetched.changed + fetched.unchanged == 0 {
        // What is there was compiled already: to compile it again would only make it look new.
        return Err(nothing(&fetched));
    }
    context.say(&format!(
        "{} feeds are new, {} as they were, {} missing",
        fetched.changed,
        fetched.unchanged,
        fetched.failed.len()
    ));
    let (bytes, problems) = compile(context, &fetched.files, problems)?;
    in_use(context, folder, &bytes)?;
    Ok(problems)
}

/// What is missing, in words.
fn told(context: &Context, fetched: &FetchedFeeds) -> Vec<String> {
    let line = |failure: &kiln_pipeline::FeedFailure| match failure.kept {
        None => failure.to_string(),
        Some(date) => format!(
            "{failure}; its content of {date} stays ({} days old)",
            age_days(context, date)
        ),
    };
    fetched.failed.iter().map(line).collect()
}

/// No feed came: a fault of the network, unless what came is not what it should be.
fn nothing(fetched: &FetchedFeeds) -> Failure {
    let lines: Vec<String> = fetched.failed.iter().map(ToString::to_string).collect();
    let is_lie = |failure: &kiln_pipeline::FeedFailure| failure.class == ErrorClass::Integrity;
    let class = match fetched.failed.iter().all(is_lie) {
        true if !lines.is_empty() => ErrorClass::Integrity,
        _ => ErrorClass::Network,
    };
    let error = match lines.is_empty() {
        true => anyhow::anyhow!("the settings leave out every feed"),
        false => anyhow::anyhow!("no feed could be fetched:\n  {}", lines.join("\n  ")),
    };
    Failure::Classed(class, error)
}

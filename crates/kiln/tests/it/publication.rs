//! A database that an organisation publishes: `kiln db publish`, and `kiln db update` and
//! `kiln db import` of what it wrote, from a folder, a layout and a web server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kiln_testkit::{Environment, Run, Server, ServerFault};
use kiln_types::Digest;
use serde_json::Value;

// RFC 8410 § 10.3 and § 10.1; the other key is that of RFC 8032 § 7.1, test 1.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const OTHER: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

/// Who publishes, and a web server before what is published.
struct Publisher {
    environment: Environment,
    server: Server,
}

impl Publisher {
    fn new() -> Self {
        let environment = Environment::new(env!("CARGO_BIN_EXE_kiln"));
        environment.write("key.pem", PRIVATE);
        let samples =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../kiln-vuln/tests/fixtures/feeds");
        for name in ["debian-tracker.json.zst", "vunnel-kev/valid-catalog-1.json"] {
            environment.write(name, fs::read(samples.join(name)).unwrap());
        }
        let folder = environment.work().join("pub");
        let server = Server::serve(&folder).unwrap();
        Self {
            environment,
            server,
        }
    }

    /// Compiles a database on a day, with so many made-up vulnerabilities beside the real ones, and
    /// publishes it.
    fn publish(self, day: u32, more: usize, options: &[&str]) -> (Self, Run) {
        let date = format!("2030-03-{day:02}T06:00:00Z");
        let this = Self {
            environment: self.environment.at(date.parse().unwrap()),
            ..self
        };
        let lines: String = (0..more)
            .map(|number| format!(
                "{{\"id\":\"DEBIAN-CVE-2030-{number:04}\",\"upstream\":[\"CVE-2030-{number:04}\"],\"published\":\"2030-01-01T00:00:00Z\",\"modified\":\"2030-01-01T00:00:00Z\",\"affected\":[{{\"package\":{{\"ecosystem\":\"Debian:13\",\"name\":\"p{number}\"}},\"ranges\":[{{\"type\":\"ECOSYSTEM\",\"events\":[{{\"introduced\":\"0\"}}]}}]}}]}}\n"
            ))
            .collect();
        this.environment.write("more.jsonl", lines);
        let mut build = vec!["db", "build", "--as-of", "2030-03-01"];
        build.push("debian-tracker=debian-tracker.json.zst");
        build.push("kev=vunnel-kev/valid-catalog-1.json");
        if more > 0 {
            build.push("osv=more.jsonl");
        }
        this.environment.run(&build).success();
        let publish = ["db", "publish", "pub", "--sign-key", "key.pem"];
        let run = this.environment.run(&[&publish[..], options].concat());
        (this, run)
    }

    fn digest(&self) -> String {
        digest(&self.environment)
    }

    fn folder(&self) -> String {
        self.environment.work().join("pub").display().to_string()
    }

    /// All files with their digests.
    fn files(&self) -> BTreeMap<String, Digest> {
        let mut out = BTreeMap::new();
        let mut folders = vec![self.environment.work().join("pub")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let digest = Digest::of(&fs::read(&path).unwrap());
                    out.insert(path.display().to_string(), digest);
                }
            }
        }
        out
    }

    fn blob(&self, digest: &Value) -> std::path::PathBuf {
        let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        self.environment.work().join("pub/blobs/sha256").join(hex)
    }

    /// The manifest of a tag.
    fn manifest(&self, tag: &str) -> Value {
        let index: Value = serde_json::from_str(&self.environment.read("pub/index.json")).unwrap();
        let list = index["manifests"].as_array().unwrap();
        let latest = list
            .iter()
            .find(|one| one["annotations"]["org.opencontainers.image.ref.name"] == tag);
        let path = self.blob(&latest.unwrap()["digest"]);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// What somebody on the way may do: another manifest, to which everything leads.
    fn replace_manifest(&self, manifest: &Value) {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let digest = Digest::of(&bytes);
        fs::write(self.blob(&digest.to_string().into()), &bytes).unwrap();
        let mut index: Value =
            serde_json::from_str(&self.environment.read("pub/index.json")).unwrap();
        for one in index["manifests"].as_array_mut().unwrap() {
            one["digest"] = digest.to_string().into();
            one["size"] = bytes.len().into();
        }
        self.environment.write("pub/index.json", index.to_string());
    }
}

/// Whose machine it is that takes it over.
fn consumer(settings: &str) -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-20T00:00:00Z".parse().unwrap());
    environment.write("public.pem", PUBLIC);
    environment.write("other.pem", OTHER);
    environment.write("both.pem", format!("{OTHER}{PUBLIC}"));
    environment.write(
        "kiln.toml",
        format!("retries = 0\nstall-seconds = 1\n{settings}"),
    );
    environment
}

fn digest(environment: &Environment) -> String {
    let status = environment.run(&["db", "--json"]).success();
    let status: Value = serde_json::from_str(&status).unwrap();
    status["sha256"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_published_is_the_same_bytes_and_reaches_others_as_deltas() {
    let (first, run) = Publisher::new().publish(1, 1, &[]);
    run.success();
    let one = first.digest();
    let files = first.files();
    // The same again: the same bytes, or nothing to do.
    let (first, run) = first.publish(1, 1, &[]);
    assert!(run.stderr.contains("published there already"), "{run}");
    assert_eq!(first.files(), files);
    fs::remove_dir_all(first.environment.work().join("pub")).unwrap();
    let (first, run) = first.publish(1, 1, &[]);
    run.success();
    assert_eq!(first.files(), files);

    // Over the web, whole: less than a tenth of the file.
    let url = first.server.url();
    let machine = consumer(&format!(
        "advisory-source = \"{url}\"\nadvisory-key = \"both.pem\"\n"
    ));
    let run = machine.run(&["db", "update"]);
    assert!(run.stderr.contains("fetched "), "{run}");
    run.success();
    assert_eq!(digest(&machine), one);
    let manifest = first.manifest("latest");
    let whole = manifest["layers"][0]["size"].as_u64().unwrap();
    let status: Value = serde_json::from_str(&machine.run(&["db", "--json"]).success()).unwrap();
    assert!(whole * 10 < status["bytes"].as_u64().unwrap(), "{whole}");
    let run = machine.run(&["db", "update"]);
    assert!(run.stderr.contains("is here already"), "{run}");

    // The next day: a delta, of what has changed. Tools that copy artifacts write another index.
    let mut index: Value = serde_json::from_str(&first.environment.read("pub/index.json")).unwrap();
    for one in index["manifests"].as_array_mut().unwrap() {
        one.as_object_mut().unwrap().remove("artifactType").unwrap();
    }
    first.environment.write("pub/index.json", index.to_string());
    let (second, run) = first.publish(2, 40, &[]);
    assert!(
        run.stderr.contains(&format!("from sha256:{one}: ")),
        "{run}"
    );
    second.server.forget_requests();
    let run = machine.run(&["db", "update"]);
    assert!(run.stderr.contains("as a delta"), "{run}");
    assert_eq!(digest(&machine), second.digest());
    let manifest = second.manifest("latest");
    let delta = &manifest["layers"][2];
    assert!(delta["size"].as_u64().unwrap() * 10 < whole, "{manifest}");
    assert_eq!(
        second.server.count(
            manifest["layers"][0]["digest"]
                .as_str()
                .unwrap()
                .trim_start_matches("sha256:")
        ),
        0
    );

    // A delta that is of no use is passed by.
    let (third, run) = second.publish(3, 41, &[]);
    run.success();
    let manifest = third.manifest("latest");
    for layer in manifest["layers"].as_array().unwrap() {
        if layer["mediaType"].as_str().unwrap().contains("delta") {
            fs::write(third.blob(&layer["digest"]), "nothing").unwrap();
        }
    }
    let run = machine.run(&["db", "update"]);
    assert!(run.stderr.contains("is of no use"), "{run}");
    assert_eq!(run.code, Some(0));
    assert_eq!(digest(&machine), third.digest());

    // From a folder and a layout, without a network.
    let folder = third.folder();
    for place in [
        folder.clone(),
        format!("file:{folder}"),
        format!("oci:{folder}"),
        format!("oci:{folder}:20300302T060000Z"),
    ] {
        let machine = consumer("advisory-key = \"public.pem\"\n");
        machine
            .run(&["db", "update", "--offline", "--source", &place])
            .success();
        let is_old = place.ends_with('Z');
        assert_eq!(digest(&machine) == third.digest(), !is_old, "{place}");
    }
    let machine = consumer("advisory-key = \"public.pem\"\n");
    machine.run(&["db", "import", &folder]).success();
    assert_eq!(digest(&machine), third.digest());

    // Only so many stay; whatever only the others needed goes.
    let (fourth, run) = third.publish(4, 42, &["--keep", "2"]);
    assert!(run.stderr.contains("2 older ones were taken out"), "{run}");
    let index = fourth.environment.read("pub/index.json");
    assert_eq!(index.matches("sha256:").count(), 3, "{index}");
    machine
        .run(&["db", "update", "--source", &folder])
        .success();
    assert_eq!(digest(&machine), fourth.digest());
    let old = fourth
        .environment
        .command(&[
            "db",
            "build",
            "-o",
            "old.kilndb",
            "kev=vunnel-kev/valid-catalog-1.json",
        ])
        .env("KILN_NOW", "2030-03-03T00:00:00Z")
        .output();
    assert!(old.unwrap().status.success());
    let said = fourth
        .publish(4, 42, &["--database", "old.kilndb"])
        .1
        .failure(4);
    assert!(said.contains("is older than the one of"), "{said}");
}

#[test]
fn what_is_not_signed_whole_or_new_is_not_taken_and_the_old_one_stays() {
    let (publisher, run) = Publisher::new().publish(5, 3, &[]);
    run.success();
    let url = publisher.server.url();
    let source = ["db", "update", "--source", &url];
    let machine = consumer("");
    let said = machine.run(&source).failure(64);
    assert!(said.contains("`advisory-key`"), "{said}");
    machine
        .run(&["db", "import", &publisher.folder()])
        .failure(64);
    let machine = consumer("advisory-key = \"other.pem\"\n");
    let said = machine.run(&source).failure(4);
    assert!(said.contains("not by this key"), "{said}");
    machine
        .run(&["db", "import", &publisher.folder(), "--unsigned"])
        .success();

    let machine = consumer("advisory-key = \"public.pem\"\n");
    machine.run(&source).success();
    let held = digest(&machine);
    let (publisher, run) = publisher.publish(6, 900, &[]);
    run.success();
    let url = publisher.server.url();
    let source = ["db", "update", "--source", &url];
    let stays = |said: &str| {
        assert!(
            said.contains("the database of 2030-03-05T06:00:00Z stays in use (14 days old)"),
            "{said}"
        );
        assert_eq!(digest(&machine), held);
    };
    for (part, fault, code) in [
        ("index.json", ServerFault::Status(404), 1),
        ("", ServerFault::Close, 1),
        ("index.json", ServerFault::Endless, 4),
        ("blobs", ServerFault::WrongBytes, 4),
        ("blobs", ServerFault::Truncate(20), 1),
        ("blobs", ServerFault::Stall(20), 1),
    ] {
        publisher.server.fault(part, fault.clone());
        let run = machine.run(&source);
        publisher.server.heal();
        assert_eq!(run.code, Some(code), "{part} {fault:?}: {run}");
        stays(&run.stderr);
    }

    // Whoever stands on the way writes another manifest.
    let good = publisher.manifest("latest");
    let mut foreign = good.clone();
    foreign["artifactType"] = "application/vnd.kiln.advisories.v9".into();
    let mut unsigned = good.clone();
    unsigned["layers"].as_array_mut().unwrap().remove(1);
    let mut swapped = good.clone();
    swapped["layers"][1]["size"] = (1_u64 << 40).into();
    let mut huge = good.clone();
    huge["layers"][0]["size"] = (1_u64 << 40).into();
    huge["layers"].as_array_mut().unwrap().truncate(2);
    let mut other = good.clone();
    other["layers"][0]["annotations"]["dev.kiln.advisories.database"] =
        format!("sha256:{held}").into();
    let mut content = good.clone();
    // What is sent is well-formed and of another database than the one that is signed.
    let older = publisher.manifest("20300305T060000Z");
    for key in ["digest", "size"] {
        content["layers"][0][key] = older["layers"][0][key].clone();
    }
    content["layers"].as_array_mut().unwrap().truncate(2);
    for (manifest, reason) in [
        (foreign, "which this kiln does not read"),
        (unsigned, "it has no signature"),
        (swapped, "bytes, which is more than"),
        (huge, "bytes, which is more than"),
        (other, "not by this key over these bytes"),
        (content, "what was sent is not sha256:"),
    ] {
        publisher.replace_manifest(&manifest);
        let run = machine.run(&source);
        assert_eq!(run.code, Some(4), "{run}");
        assert!(run.stderr.contains(reason), "{reason}: {run}");
        stays(&run.stderr);
    }

    // An old database with a good signature.
    let (publisher, run) = Publisher::new().publish(2, 0, &[]);
    run.success();
    let url = publisher.server.url();
    let source = ["db", "update", "--source", &url];
    let said = machine.run(&source).failure(4);
    assert!(said.contains("somebody gives out an old one"), "{said}");
    stays(&said);
    machine
        .run(&["db", "import", &publisher.folder()])
        .success();
    assert_eq!(digest(&machine), held);
    machine
        .run(&[&source[..], &["--allow-older"]].concat())
        .success();
    assert_eq!(digest(&machine), publisher.digest());

    // One of a day that is to come would make all that follow old.
    let (publisher, run) = publisher.publish(29, 0, &[]);
    run.success();
    let said = machine.run(&source).failure(4);
    assert!(said.contains("which is to come"), "{said}");
    drop(publisher);
}

use std::fs;
use std::io::Write as _;
use std::path::Path;

use kiln_archive::deflate::SegmentWriter;
use kiln_archive::gzip::GzipStitcher;
use kiln_inventory::{InventoryError, NoMemory, Place, ScanLimits, open, open_project};
use kiln_types::{Classify as _, ComponentKind, Digest, ErrorClass, EvidenceKind, Inventory};

use crate::image::*;

/// An archive as `docker save` writes it.
pub(crate) fn docker_archive(layers: &[Vec<u8>]) -> Vec<u8> {
    let config = config(layers);
    let name = format!("{}.json", Digest::of(&config).hex());
    let paths: Vec<String> = (0..layers.len())
        .map(|n| format!("{n}/layer.tar"))
        .collect();
    let manifest = serde_json::to_vec(&serde_json::json!([
        { "Config": name, "RepoTags": ["demo:1"], "Layers": paths }
    ]))
    .unwrap();
    let mut entries = vec![file("manifest.json", &manifest), file(&name, &config)];
    for (path, layer) in paths.iter().zip(layers) {
        entries.push(file(path, layer));
    }
    tar(&entries)
}

/// A layout whose layers are compressed with gzip.
pub(crate) fn layout(directory: &Path, layers: &[Vec<u8>]) {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        (digest, bytes.len())
    };
    let descriptor = |kind: &str, (digest, size): (Digest, usize)| serde_json::json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size });
    let config = put(&config(layers));
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| descriptor("layer.v1.tar+gzip", put(&gzip(layer))))
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config),
        "layers": layers,
    });
    let manifest = put(&serde_json::to_vec(&manifest).unwrap());
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [descriptor("manifest.v1+json", manifest)],
    });
    fs::write(directory.join("index.json"), index.to_string()).unwrap();
    fs::write(
        directory.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = SegmentWriter::new(Vec::new(), 6);
    writer.write_all(bytes).unwrap();
    let (segment, compressed) = writer.finish().unwrap();
    let mut stitcher = GzipStitcher::new(Vec::new()).unwrap();
    stitcher
        .append(&segment, &mut compressed.as_slice())
        .unwrap();
    stitcher.finish().unwrap()
}

fn read(place: &str) -> Result<Inventory, InventoryError> {
    let Place::Transport(transport) = place.parse()? else {
        panic!("{place} is a document");
    };
    let images = open(&transport)?;
    images[0].inventory(&ScanLimits::default(), 2, &NoMemory)
}

#[test]
fn one_image_in_every_container_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [debian(), tar(&[file("app/node_modules/.wh.b", b"")])];
    let path = |name: &str| folder.path().join(name);
    let archive = docker_archive(&layers);
    fs::write(path("image.tar"), &archive).unwrap();
    fs::write(path("image.tar.gz"), gzip(&archive)).unwrap();
    layout(&path("layout"), &layers);
    let mut packed = Vec::new();
    for name in ["oci-layout", "index.json"] {
        packed.push((
            name.to_owned(),
            fs::read(path("layout").join(name)).unwrap(),
        ));
    }
    for blob in fs::read_dir(path("layout/blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let name = format!("blobs/sha256/{}", blob.file_name().to_string_lossy());
        packed.push((name, fs::read(blob.path()).unwrap()));
    }
    let entries: Vec<_> = packed
        .iter()
        .map(|(name, bytes)| file(name, bytes))
        .collect();
    fs::write(path("layout.tar.gz"), gzip(&tar(&entries))).unwrap();
    let at = |transport: &str, name: &str| format!("{transport}:{}", path(name).display());
    let first = read(&at("docker-archive", "image.tar")).unwrap();
    assert_eq!(
        names(&first),
        ["node-a 1.0-1", "zlib1g 1:1.3-1+b1", "a 1.0.0"]
    );
    assert!(first.is_complete(), "{:?}", first.incomplete);
    assert_eq!(first.subject.layers.len(), 2);
    assert_eq!(
        first.subject.created.unwrap().to_string(),
        "2026-01-02T03:04:05Z"
    );
    for place in [
        at("docker-archive", "image.tar.gz"),
        at("oci", "layout"),
        at("oci-archive", "layout.tar.gz"),
    ] {
        let other = read(&place).unwrap();
        assert_eq!(other.components, first.components, "{place}");
        assert_eq!(other.facts, first.facts, "{place}");
        let diff_ids = |inventory: &Inventory| -> Vec<Digest> {
            inventory
                .subject
                .layers
                .iter()
                .map(|layer| layer.diff_id)
                .collect()
        };
        assert_eq!(diff_ids(&other), diff_ids(&first), "{place}");
    }
}

#[test]
fn a_directory_is_an_image_too() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for (name, content) in [
        ("etc/os-release", OS_RELEASE),
        (
            "var/lib/dpkg/status.d/tzdata",
            b"Package: tzdata\nVersion: 2026a-0\nArchitecture: all".as_slice(),
        ),
        (
            "var/lib/dpkg/status.d/tzdata.md5sums",
            b"d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/a/package.json\n",
        ),
        (
            "usr/share/nodejs/a/package.json",
            br#"{"name":"a","version":"1.0.0"}"#,
        ),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    // What a link leads to outside is nobody's business.
    symlink("/etc", root.join("host")).unwrap();
    let inventory = read(&format!("rootfs:{}", root.display())).unwrap();
    assert_eq!(names(&inventory), ["tzdata 2026a-0", "a 1.0.0"]);
    let npm = &inventory.components[1];
    assert_eq!((npm.kind, npm.owner.unwrap().0), (ComponentKind::Npm, 0));
    assert_eq!(inventory.facts.unwrap().links, 1);
}

#[test]
fn an_archive_of_a_root_file_system_is_read_as_one_layer() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let root = debian();
    fs::write(path("root.tar"), &root).unwrap();
    fs::write(path("root.tar.gz"), gzip(&root)).unwrap();
    let zstd = kiln_archive::zstd::compress(&root, 3, &[]).unwrap();
    fs::write(path("root.tar.zst"), zstd).unwrap();
    fs::write(path("image.tar"), docker_archive(&[debian()])).unwrap();
    let at = |transport: &str, name: &str| format!("{transport}:{}", path(name).display());
    let image = read(&at("docker-archive", "image.tar")).unwrap();
    for name in ["root.tar", "root.tar.gz", "root.tar.zst"] {
        let inventory = read(&at("rootfs", name)).unwrap();
        assert!(inventory.is_complete(), "{:?}", inventory.incomplete);
        assert_eq!(inventory.components, image.components, "{name}");
        assert_eq!(inventory.subject.name, name);
        let layers = &inventory.subject.layers;
        assert_eq!(layers[0].diff_id, Digest::of(&root), "{name}");
    }
    // What ends early is told, and what is no such archive is refused.
    let half = root.get(..root.len() / 2).unwrap();
    fs::write(path("half.tar"), half).unwrap();
    assert!(!read(&at("rootfs", "half.tar")).unwrap().is_complete());
    fs::write(path("empty.tar"), vec![0; 1024]).unwrap();
    fs::write(path("text.tar"), b"hello".repeat(500)).unwrap();
    for (name, reason) in [
        ("empty.tar", "it is empty"),
        ("text.tar", ""),
        ("image.tar", "docker-archive:"),
    ] {
        let error = read(&at("rootfs", name)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = read(&at("docker-archive", "root.tar")).unwrap_err();
    assert!(error.to_string().contains("rootfs:FILE"), "{error}");
}

#[test]
fn attack_a_root_with_names_that_mean_something_in_layers_and_archives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.tar");
    let package = br#"{"name":"a","version":"1.0.0"}"#;
    let with = |name: &str, content: &[u8]| {
        let entries = [
            file("app/package.json", package),
            file("app/.wh.package.json", b""),
            file("b/.wh.c/package.json", package),
            file("b/.wh..wh..opq", b""),
            file(name, content),
        ];
        fs::write(&path, tar(&entries)).unwrap();
        read(&format!("rootfs:{}", path.display()))
    };
    for (name, content) in [
        ("manifest.json", &b"{}"[..]),
        ("manifest.json", b"[]"),
        ("manifest.json", b"[{\"short_name\": \"app\"}]"),
        ("oci-layout", b"{}"),
        ("index.json", b"{}"),
    ] {
        let inventory = with(name, content).unwrap();
        assert!(inventory.is_complete(), "{:?}", inventory.incomplete);
        assert_eq!(names(&inventory), ["a 1.0.0"], "{name}");
        let evidence = &inventory.components[0].evidence;
        let places: Vec<&str> = evidence.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(places, ["app/package.json", "b/.wh.c/package.json"]);
    }
    let image = b"[{\"Config\": \"c.json\", \"Layers\": []}]";
    assert!(with("manifest.json", image).is_err());
}

#[test]
fn attack_an_archive_of_two_images_for_two_readers() {
    let folder = tempfile::tempdir().unwrap();
    let one = [debian()];
    let other = [tar(&[file("x", b"")])];
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let descriptor = |kind: &str, bytes: &[u8]| serde_json::json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": Digest::of(bytes), "size": bytes.len() });
    let archive = |docker: &[Vec<u8>], oci: &[Vec<u8>], tagged: &[Vec<u8>]| {
        let mut files = vec![(
            "oci-layout".to_owned(),
            br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        )];
        let mut index = Vec::new();
        for (name, layers) in [
            ("docker.io/library/other:1", oci),
            ("docker.io/library/demo:1", tagged),
        ] {
            let config = config(layers);
            let manifest = serde_json::to_vec(&serde_json::json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": descriptor("config.v1+json", &config),
                "layers": layers.iter().map(|layer| descriptor("layer.v1.tar", layer)).collect::<Vec<_>>(),
            })).unwrap();
            let mut root = descriptor("manifest.v1+json", &manifest);
            root["annotations"] = serde_json::json!({ "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name });
            index.push(root);
            files.push((blob(&config), config));
            files.push((blob(&manifest), manifest));
            files.extend(layers.iter().map(|layer| (blob(layer), layer.clone())));
        }
        // An index may name what was not saved.
        index.push(descriptor("manifest.v1+json", b"elsewhere"));
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": index });
        files.push(("index.json".to_owned(), index.to_string().into_bytes()));
        let docker_config = config(docker);
        let paths: Vec<String> = docker.iter().map(|layer| blob(layer)).collect();
        let manifest = serde_json::json!([{ "Config": blob(&docker_config), "RepoTags": ["demo:1"], "Layers": paths }]);
        files.push((
            "manifest.json".to_owned(),
            manifest.to_string().into_bytes(),
        ));
        files.push((blob(&docker_config), docker_config));
        files.extend(docker.iter().map(|layer| (blob(layer), layer.clone())));
        files.sort();
        files.dedup();
        let entries: Vec<_> = files
            .iter()
            .map(|(name, bytes)| file(name, bytes))
            .collect();
        fs::write(folder.path().join("both.tar"), tar(&entries)).unwrap();
        let path = folder.path().join("both.tar").display().to_string();
        [
            read(&format!("docker-archive:{path}")),
            read(&format!("oci-archive:{path}:docker.io/library/demo:1")),
        ]
    };
    for read in archive(&one, &one, &one) {
        assert_eq!(names(&read.unwrap()).len(), 4);
    }
    // Another image altogether, and the right one under the wrong name.
    for (oci, tagged) in [(&other, &other), (&one, &other)] {
        for read in archive(&one, oci, tagged) {
            let error = read.unwrap_err().to_string();
            assert!(error.contains("lead to different images"), "{error}");
        }
    }
}

#[test]
fn capabilities_of_files_in_a_directory_are_facts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ping"), b"x").unwrap();
    fs::write(folder.path().join("plain"), b"x").unwrap();
    // CAP_NET_RAW, permitted and effective (capabilities(7), version 2).
    let value = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let flags = rustix::fs::XattrFlags::empty();
    let path = folder.path().join("ping");
    if let Err(error) = rustix::fs::setxattr(path, "security.capability", &value, flags) {
        eprintln!("skipped: capabilities cannot be given here: {error}");
        return;
    }
    let inventory = read(&format!("rootfs:{}", folder.path().display())).unwrap();
    let facts = inventory.facts.unwrap();
    let capable: Vec<&str> = facts
        .capabilities
        .iter()
        .map(|fact| fact.path.as_str())
        .collect();
    assert_eq!(capable, ["ping"]);
    assert!(inventory.incomplete.is_empty());
}

#[test]
fn what_is_inside_is_told_in_full() {
    let inventory = inside(&[debian()]);
    let find = |name: &str| {
        let mut entries = inventory.entries();
        entries
            .find(|(_, component)| component.name == name)
            .unwrap()
    };
    let (_, zlib) = find("zlib1g");
    assert_eq!(zlib.licences.expression.as_deref(), Some("Zlib"));
    assert_eq!(zlib.copyright.as_deref(), Some("1995 A"));
    assert_eq!(
        zlib.purl.as_ref().unwrap().to_string(),
        "pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64&distro=debian-13"
    );
    let ((node, _), (a, owned), (_, stray)) = (find("node-a"), find("a"), find("b"));
    assert_eq!(owned.owner, Some(node));
    assert_eq!(owned.supplier.as_deref(), Some("A <a@example.com>"));
    assert_eq!(stray.owner, None);
    assert_eq!(stray.depends, [a]);
    let facts = inventory.facts.as_ref().unwrap();
    assert_eq!(facts.shells, ["usr/bin/dash", "usr/bin/sh"]);
    assert_eq!(facts.setuid[0].mode, "4755");
    assert_eq!(facts.world_writable[0].path, "etc/open");
    assert_eq!(facts.secrets[0].path, "root/.ssh/id_rsa");
    assert_eq!(facts.accounts.len(), 1);
}

/// A program with a note that names its source package.
fn noted() -> Vec<u8> {
    let text = br#"{"type":"deb","os":"debian","name":"source","version":"1-1"}"#;
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(64, 0);
    bytes.extend([4, 0, 0, 0]);
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(b"\x7e\x1a\xfe\xcaFDO\0");
    bytes.extend(text);
    bytes
}

#[test]
fn a_package_note_counts_only_where_no_database_has_the_file() {
    let noted = noted();
    let status = [stanza("a", "1-1"), stanza("b", "1-1")].concat();
    let owned = tar(&[
        file("var/lib/dpkg/status", status.as_bytes()),
        file("var/lib/dpkg/info/a.list", b"/usr/bin/a\n"),
        file("var/lib/dpkg/info/b.list", b"/lib/b.so\n"),
        program("usr/bin/a", &noted),
        file("usr/lib/b.so", &noted),
    ]);
    assert_eq!(names(&inside(&[owned])), ["a 1-1", "b 1-1"]);
    // Neither a name nor a mode makes a program.
    for copied in [
        program("opt/a", &noted),
        file("opt/a", &noted),
        file("etc/a.key", &noted),
        file("usr/share/doc/a/copyright", &noted),
    ] {
        assert_eq!(names(&inside(&[tar(&[copied])])), ["source 1-1"]);
    }
}

#[test]
fn packages_of_one_source_lend_each_other_their_licences() {
    let with_source = |name: &str, source: &str| {
        stanza(name, "1").replace("Maintainer", &format!("Source: {source}\nMaintainer"))
    };
    let status = [
        with_source("a-base", "a"),
        with_source("a-lib", "a"),
        with_source("b", "c"),
    ];
    let inventory = inside(&[tar(&[
        file("var/lib/dpkg/status", status.concat().as_bytes()),
        file(
            "usr/share/doc/a-base/copyright",
            b"Format: x\n\nFiles: *\nCopyright: A\nLicense: MIT\n",
        ),
    ])]);
    let expressions: Vec<Option<&str>> = inventory
        .components
        .iter()
        .map(|component| component.licences.expression.as_deref())
        .collect();
    assert_eq!(expressions, [Some("MIT"), Some("MIT"), None]);
}

#[test]
fn lying_digests_and_sizes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    layout(&path, &[debian()]);
    let place = format!("oci:{}", path.display());
    let blobs = path.join("blobs/sha256");
    let largest = fs::read_dir(&blobs)
        .unwrap()
        .map(|blob| blob.unwrap().path())
        .max_by_key(|blob| fs::metadata(blob).unwrap().len())
        .unwrap();
    let honest = fs::read(&largest).unwrap();
    let mut lying = honest.clone();
    let middle = lying.len() / 2;
    lying[middle] ^= 1;
    let longer = [honest.as_slice(), b"x"].concat();
    for bytes in [&lying[..], &longer[..], &honest[..middle]] {
        fs::write(&largest, bytes).unwrap();
        let error = read(&place).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Integrity, "{error}");
    }
    fs::write(&largest, &honest).unwrap();
    read(&place).unwrap();
}

#[test]
fn a_layer_that_is_not_the_one_of_the_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    let config = config(&[debian()]);
    let name = format!("{}.json", Digest::of(&config).hex());
    let manifest = format!(r#"[{{"Config":"{name}","RepoTags":null,"Layers":["l.tar"]}}]"#);
    let other = tar(&[file("x", b"")]);
    let entries = [
        file("manifest.json", manifest.as_bytes()),
        file(&name, &config),
        file("l.tar", &other),
    ];
    fs::write(&path, tar(&entries)).unwrap();
    let error = read(&format!("docker-archive:{}", path.display())).unwrap_err();
    assert!(matches!(error, InventoryError::Lies { .. }), "{error}");
}

#[test]
fn places_that_hold_no_image_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, tar(&[file("x", b"")])).unwrap();
    for (transport, expected) in [
        ("docker-archive", "no `manifest.json`"),
        ("oci-archive", "no `oci-layout`"),
    ] {
        let error = read(&format!("{transport}:{}", path.display())).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = open_project(&path).err().unwrap();
    assert!(error.to_string().contains("no directory"), "{error}");
    fs::write(&path, b"no archive").unwrap();
    for transport in ["docker-archive", "rootfs"] {
        let error = read(&format!("{transport}:{}", path.display())).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Integrity);
    }
}

#[test]
fn packages_of_rpm_are_named_as_others_name_them() {
    let database = include_bytes!("../fixtures/rpmdb.sqlite.gz");
    let mut bytes = Vec::new();
    let codec = kiln_archive::decompress::Codec::Gzip;
    let limits = kiln_archive::Limits::default();
    let mut content = kiln_archive::decompress::decoder(codec, &database[..], &limits).unwrap();
    std::io::Read::read_to_end(&mut content, &mut bytes).unwrap();
    let inventory = inside(&[tar(&[
        file("etc/os-release", b"ID=fedora\nVERSION_ID=40\n"),
        file("usr/lib/sysimage/rpm/rpmdb.sqlite", &bytes),
        file("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", b""),
        symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm"),
        program("usr/bin/kilntest", b"no program"),
        file("usr/share/kilntest-c/file-100", b""),
    ])]);
    assert!(inventory.is_complete(), "{:?}", inventory.incomplete);
    let purls: Vec<String> = inventory
        .components
        .iter()
        .map(|component| component.purl.as_ref().unwrap().to_string())
        .collect();
    // As Syft 1.57.0 names them.
    assert_eq!(
        purls,
        [
            "pkg:rpm/fedora/kilntest-a@1.2.3-4.el9?arch=x86_64&distro=fedora-40&epoch=2&upstream=kilntest-a-1.2.3-4.el9.src.rpm",
            "pkg:rpm/fedora/kilntest-a-libs@1.2.3-4.el9?arch=x86_64&distro=fedora-40&epoch=2&upstream=kilntest-a-1.2.3-4.el9.src.rpm",
            "pkg:rpm/fedora/kilntest-b@2.0~rc1-1?arch=noarch&distro=fedora-40&upstream=kilntest-b-2.0~rc1-1.src.rpm",
            "pkg:rpm/fedora/kilntest-c@1.0-1?arch=noarch&distro=fedora-40&epoch=0&upstream=kilntest-c-1.0-1.src.rpm",
        ]
    );
    let log = inside(&[tar(&[file("var/lib/rpm/rpmdb.sqlite-wal", &[0; 100])])]);
    assert!(!log.is_complete());
}

const BOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
    {"type":"library","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0"},
    {"type":"library","name":"only-told","version":"3.0","purl":"pkg:npm/only-told@3.0"},
    {"type":"library","name":"zlib1g","version":"1:1.3-1+b1","purl":"pkg:deb/debian/zlib1g@1:1.3-1%2Bb1?arch=amd64"},
    {"type":"library","name":"backdoor","version":"1","purl":"pkg:deb/debian/backdoor@1?arch=amd64"}]}"#;

#[test]
fn documents_in_an_image_add_evidence_and_no_package() {
    let told = tar(&[file("opt/app/bom.json", BOM.as_bytes())]);
    let inventory = inside(&[debian(), told.clone()]);
    assert!(inventory.is_complete(), "{:?}", inventory.incomplete);
    assert_eq!(
        names(&inventory),
        [
            "node-a 1.0-1",
            "zlib1g 1:1.3-1+b1",
            "a 1.0.0",
            "b 2.0.0",
            "only-told 3.0"
        ]
    );
    let find = |name: &str| {
        let mut components = inventory.components.iter();
        components.find(|component| component.name == name).unwrap()
    };
    let kinds = |name: &str| -> Vec<EvidenceKind> {
        find(name)
            .evidence
            .iter()
            .map(|evidence| evidence.kind)
            .collect()
    };
    assert_eq!(kinds("a"), [EvidenceKind::Document, EvidenceKind::Metadata]);
    assert_eq!(
        kinds("zlib1g"),
        [EvidenceKind::Document, EvidenceKind::Database]
    );
    assert_eq!(kinds("only-told"), [EvidenceKind::Document]);
    assert_eq!(find("zlib1g").licences.expression.as_deref(), Some("Zlib"));
    // Without a database a document is all there is.
    let alone = inside(&[told]);
    assert_eq!(alone.components.len(), 4);
    let broken = inside(&[tar(&[file(
        "a.cdx.json",
        br#"{"bomFormat":"CycloneDX","specVersion":"9"}"#,
    )])]);
    assert!(!broken.is_complete());
}

#[test]
fn lock_files_count_in_the_directory_of_a_project_only() {
    let folder = tempfile::tempdir().unwrap();
    let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n";
    fs::write(folder.path().join("Cargo.lock"), lock).unwrap();
    let project = folder.path().display();
    let Place::Project(directory) = format!("dir:{project}").parse().unwrap() else {
        panic!("`dir:` is a project");
    };
    let image = open_project(&directory).unwrap();
    let inventory = image
        .inventory(&ScanLimits::default(), 1, &NoMemory)
        .unwrap();
    assert_eq!(names(&inventory), ["serde 1.0.0"]);
    assert_eq!(
        names(&read(&format!("rootfs:{project}")).unwrap()),
        Vec::<String>::new()
    );
    assert!(
        inside(&[tar(&[file("app/Cargo.lock", lock.as_bytes())])])
            .components
            .is_empty()
    );
}

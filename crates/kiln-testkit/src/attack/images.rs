//! Images, layouts and documents about images that lie, burst or never end: what `kiln sbom`,
//! `scan` and `gate` are given.

use std::io::Write as _;

use flate2::write::GzEncoder;
use kiln_types::{Digest, HashWriter};

use super::forge::{END, Header, bomb, ended, entry, long, many_entries, noise, pax};
use super::zips;
use crate::archive::Compression;

/// A hostile image.
#[derive(Clone, Copy)]
pub struct ImageAttack {
    /// What it is called.
    pub name: &'static str,
    /// What is written before a colon and the place to name it (`docker-archive`).
    pub transport: &'static str,
    /// Makes its files, by their path below a folder; the first is the place.
    pub make: fn() -> Vec<(String, Vec<u8>)>,
}

/// All of them, in the order in which a table shows them.
pub const IMAGE_ATTACKS: &[ImageAttack] = &[
    docker("an archive that is empty", || file("image.tar", Vec::new())),
    docker("an archive of zeros", || {
        file("image.tar", vec![0; 1 << 20])
    }),
    docker("an archive without a manifest", || {
        file("image.tar", ended(&[&entry("readme", b'0', b"none")]))
    }),
    docker("an archive cut in its layer", || {
        let mut whole = saved(&[status(&stanzas(3))]);
        whole.truncate(whole.len() / 2);
        file("image.tar", whole)
    }),
    docker("a manifest that names no layer", || {
        file("image.tar", saved_as(&[], "[\"layer9.tar\"]", 1))
    }),
    docker("a manifest whose layer is a path outside", || {
        file("image.tar", saved_as(&[], "[\"../../../etc/passwd\"]", 1))
    }),
    docker("a manifest of fewer layers than the configuration", || {
        file("image.tar", saved_as(&[status(&stanzas(1))], "[]", 1))
    }),
    docker("a manifest nested ten thousand deep", || {
        let text = "[".repeat(10_000);
        file(
            "image.tar",
            ended(&[&entry("manifest.json", b'0', text.as_bytes())]),
        )
    }),
    docker("a layer that is another one", || {
        let layers = [status(&stanzas(2))];
        let config = config(&[Digest::of(b"another")]);
        file(
            "image.tar",
            saved_with(&layers, &config, "[\"layer0.tar\"]"),
        )
    }),
    docker("a layer that ends inside a file", || {
        let mut layer = entry("var/lib/dpkg/status", b'0', stanzas(2).as_bytes());
        layer.extend(Header::new("usr/bin/x", b'0', 1 << 30).block());
        file("image.tar", saved(&[layer]))
    }),
    docker("a layer of garbage", || {
        file("image.tar", saved(&[noise(1 << 20)]))
    }),
    docker("a layer with paths that climb out", || {
        let layer = ended(&[
            &entry("../../var/lib/dpkg/status", b'0', stanzas(1).as_bytes()),
            &entry("a/../../b", b'0', b"x"),
        ]);
        file("image.tar", saved(&[layer]))
    }),
    docker("a database behind a link out of the image", || {
        let link = Header::new("var/lib/dpkg/status", b'2', 0).link("/proc/self/environ");
        file("image.tar", saved(&[ended(&[&link.block()])]))
    }),
    docker("databases behind links in a circle", || {
        let link = |from: &str, to: &str| Header::new(from, b'2', 0).link(to).block();
        let layer = ended(&[
            &link("var/lib/dpkg/status", "/var/lib/dpkg/other"),
            &link("var/lib/dpkg/other", "/var/lib/dpkg/status"),
            &link("var/loop", "loop/loop"),
        ]);
        file("image.tar", saved(&[layer]))
    }),
    docker("a hard link to a file that is not there", || {
        let link = Header::new("usr/bin/a", b'1', 0).link("usr/bin/b");
        file("image.tar", saved(&[ended(&[&link.block()])]))
    }),
    docker("a million files", || {
        file("image.tar", packed_layer(&many_entries(1_200_000)))
    }),
    docker("very many long paths", || {
        file("image.tar", saved(&[long_paths()]))
    }),
    docker("an extended header of a gigabyte", || {
        let layer = Header::new("PaxHeaders/x", b'x', 1 << 30).block();
        file("image.tar", saved(&[layer]))
    }),
    docker("a record of PAX that changes a size", || {
        let mut layer = pax(b'x', &[("size", b"99999999999999999999")]);
        layer.extend(entry("a", b'0', b"x"));
        file("image.tar", saved(&[ended(&[&layer])]))
    }),
    docker("a status file with odd stanzas", || {
        file("image.tar", saved(&[status(ODD_STANZAS)]))
    }),
    docker("a status file of one line of 33 MiB", || {
        file("image.tar", saved(&[status(&"x".repeat(33 << 20))]))
    }),
    docker("a status file of two hundred thousand stanzas", || {
        file("image.tar", saved(&[status(&stanzas(200_000))]))
    }),
    docker("a package that depends on everything", || {
        let all: Vec<String> = (0..50_000).map(|number| format!("p{number}")).collect();
        let depends = format!("Depends: {}\n", all.join(", "));
        let text = stanzas(2_000);
        file(
            "image.tar",
            saved(&[status(&format!(
                "{text}Package: all\nVersion: 1\n{depends}"
            ))]),
        )
    }),
    docker("four thousand versions that need each other", || {
        let mut layer = Vec::new();
        for number in 0..4_000 {
            let text = format!(
                "{{\"name\":\"x\",\"version\":\"{number}.0.0\",\"dependencies\":{{\"x\":\"*\"}}}}"
            );
            let path = format!("a/{number}/node_modules/x/package.json");
            layer.extend(entry(&path, b'0', text.as_bytes()));
        }
        layer.extend(END);
        file("image.tar", saved(&[layer]))
    }),
    docker(
        "links that lead through links, a thousand folders deep",
        || {
            let deep = "d/".repeat(900);
            let link = |from: &str, to: &str| {
                let mut name = to.as_bytes().to_vec();
                name.push(0);
                let mut bytes = entry("././@LongLink", b'K', &name);
                let mut path = from.as_bytes().to_vec();
                path.push(0);
                bytes.extend(entry("././@LongLink", b'L', &path));
                bytes.extend(Header::new("x", b'2', 0).link("x").block());
                bytes
            };
            let mut layer = Vec::new();
            for number in 0..37 {
                layer.extend(link(
                    &format!("{deep}l{number}"),
                    &format!("l{}", number + 1),
                ));
            }
            layer.extend(long(&format!("{deep}l37"), b'0', b""));
            for number in 0..4_000 {
                layer.extend(link(&format!("k{number}"), &format!("{deep}l0")));
            }
            layer.extend(END);
            file("image.tar", saved(&[layer]))
        },
    ),
    docker("names with control characters", || {
        let text = "Package: a\x1b[2Jb\nVersion: 1\x07\nStatus: install ok installed\n\n";
        file("image.tar", saved(&[status(text)]))
    }),
    docker("a package.json of 33 MiB", || {
        let text = format!(
            "{{\"name\":\"{}\",\"version\":\"1\"}}",
            "n".repeat(33 << 20)
        );
        one_file("app/node_modules/a/package.json", text.as_bytes())
    }),
    docker("a package.json nested a hundred thousand deep", || {
        let text = format!(
            "{{\"name\":\"a\",\"version\":\"1\",\"x\":{}",
            "[".repeat(100_000)
        );
        one_file("app/node_modules/a/package.json", text.as_bytes())
    }),
    docker("a jar in a jar in a jar, twelve deep", || {
        let mut jar = zips::zip(&[("META-INF/maven/g/a/pom.properties", POM)]);
        for _ in 0..12 {
            jar = zips::zip(&[("lib/inner.jar", &jar)]);
        }
        one_file("app.jar", &jar)
    }),
    docker("a jar that unpacks to a gigabyte", || {
        one_file(
            "app.jar",
            &zips::deflated_zip("META-INF/MANIFEST.MF", 1 << 30),
        )
    }),
    docker("a jar whose directory lies about its sizes", || {
        let mut jar = zips::zip(&[("META-INF/maven/g/a/pom.properties", POM)]);
        let at = jar
            .windows(4)
            .rposition(|four| four == b"PK\x01\x02")
            .expect("a directory");
        jar[at + 24..at + 28].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        one_file("app.jar", &jar)
    }),
    docker("a jar of sixty thousand jars", || {
        let inner = zips::zip(&[]);
        let names: Vec<String> = (0..60_000).map(|number| format!("{number}.jar")).collect();
        let members: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), inner.as_slice()))
            .collect();
        one_file("app.jar", &zips::zip(&members))
    }),
    docker("a jar of jars that fan out, four deep", || {
        one_file("app.jar", &zips::fan(28, 4))
    }),
    docker("a jar of jars that fan out, six deep", || {
        one_file("app.jar", &zips::fan(12, 6))
    }),
    docker("a jar of many components whose path inside is long", || {
        one_file("app.jar", &zips::long_path(1_900, 24))
    }),
    docker("a jar in a jar with a list of a hundred megabytes", || {
        one_file("app.jar", &zips::long_list(25_000))
    }),
    docker(
        "a jar in a jar of a quarter of a gigabyte of nothing",
        || one_file("app.jar", &zips::deflated_zip("x.jar", 250 << 20)),
    ),
    docker("wheels whose members have long names", || {
        let wheel = zips::wheel(2_000);
        let names: Vec<String> = (0..12).map(|number| format!("{number}.whl")).collect();
        let entries: Vec<Vec<u8>> = names.iter().map(|name| entry(name, b'0', &wheel)).collect();
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        file("image.tar", saved(&[ended(&entries)]))
    }),
    docker("a program whose build information never ends", || {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(4_096, 0);
        for _ in 0..10_000 {
            program.extend(b"\xff Go buildinf:\x08\x02");
            program.extend([0xff; 64]);
        }
        one_program("usr/bin/x", &program)
    }),
    docker("crates that unpack without end", || {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(4_096, 0);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let blanks = vec![b' '; 1 << 20];
        zlib.write_all(b"{\"packages\":[").expect("memory");
        for _ in 0..512 {
            zlib.write_all(&blanks).expect("memory");
        }
        program.extend(zlib.finish().expect("memory"));
        one_program("usr/bin/x", &program)
    }),
    docker("a program that begins a list of crates everywhere", || {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(4_096, 0);
        // A header, and a block of fixed codes whose first letter is that of a list: all that can be
        // told without unpacking. The rest of the block is other headers.
        program.extend(b"x\x9c\xab\x56".repeat(8 << 20));
        one_program("usr/bin/x", &program)
    }),
    docker("a gzip bomb in the place of an image", || {
        let zeros = vec![0; 1 << 20];
        file(
            "image.tar.gz",
            bomb(Compression::Gzip, &zeros, &zeros, 8 << 30),
        )
    }),
    layout("a layout without an index", || {
        vec![("image/oci-layout".to_owned(), OCI.to_vec())]
    }),
    layout("a layout whose index names what is not there", || {
        oci(
            &descriptor(
                "application/vnd.oci.image.manifest.v1+json",
                Digest::of(b"no"),
                2,
            ),
            &[],
        )
    }),
    layout("an index that is in itself", || {
        let digest = Digest::of(b"self");
        let inner = index(&descriptor(
            "application/vnd.oci.image.index.v1+json",
            digest,
            2,
        ));
        let outer = descriptor(
            "application/vnd.oci.image.index.v1+json",
            Digest::of(inner.as_bytes()),
            inner.len(),
        );
        oci(&outer, &[inner.into_bytes()])
    }),
    layout("a layer blob with other bytes", || {
        oci_image(&gzip(&status(&stanzas(2))), |blob| blob[20] ^= 1)
    }),
    layout("a layer blob that is cut", || {
        oci_image(&gzip(&status(&stanzas(2))), |blob| blob.truncate(100))
    }),
    layout("a layer blob that is longer than promised", || {
        oci_image(&gzip(&status(&stanzas(2))), |blob| blob.extend([0; 4_096]))
    }),
    layout("a layer that unpacks to eight gigabytes", || {
        let zeros = vec![0; 1 << 20];
        oci_image(&bomb(Compression::Gzip, &zeros, &zeros, 8 << 30), |_| {})
    }),
    layout("a layer in zstd that wants two gigabytes of window", || {
        let mut layer = zstd::stream::Encoder::new(Vec::new(), 1).expect("memory");
        layer.window_log(31).expect("the largest window");
        layer.long_distance_matching(true).expect("a switch");
        layer.write_all(&status(&stanzas(2))).expect("memory");
        oci_image(&layer.finish().expect("memory"), |_| {})
    }),
    document("a document that is no JSON", || {
        file("image.json", b"{".to_vec())
    }),
    document("a document of no kind that is known", || {
        file("image.json", b"{}".to_vec())
    }),
    document("a document with a text of 100 MB", || {
        let text = "x".repeat(100_000_000);
        let json = format!(
            "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{{\"type\":\"library\",\"name\":\"{text}\"}}]}}"
        );
        file("image.json", json.into_bytes())
    }),
    document("a document nested a million deep", || {
        let json = format!(
            "{{\"bomFormat\":\"CycloneDX\",\"x\":{}",
            "[".repeat(1_000_000)
        );
        file("image.json", json.into_bytes())
    }),
    document("a document of a million components", || {
        let mut json =
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[".to_owned();
        for number in 0..1_000_000 {
            json.push_str(&format!("{{\"type\":\"library\",\"name\":\"{number}\"}},"));
        }
        json.push_str("{\"type\":\"library\",\"name\":\"last\"}]}");
        file("image.json", json.into_bytes())
    }),
    document("a document with broken package URLs", || {
        let json = "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[\
                    {\"type\":\"library\",\"name\":\"a\",\"purl\":\"pkg:deb/%zz/../..\"}]}";
        file("image.json", json.as_bytes().to_vec())
    }),
    document("components that depend on each other in a circle", || {
        let json = "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[\
                    {\"type\":\"library\",\"bom-ref\":\"a\",\"name\":\"a\",\"purl\":\"pkg:npm/a@1\"},\
                    {\"type\":\"library\",\"bom-ref\":\"b\",\"name\":\"b\",\"purl\":\"pkg:npm/b@1\"}],\
                    \"dependencies\":[{\"ref\":\"a\",\"dependsOn\":[\"b\",\"a\"]},{\"ref\":\"b\",\"dependsOn\":[\"a\"]}]}";
        file("image.json", json.as_bytes().to_vec())
    }),
];

const fn docker(name: &'static str, make: fn() -> Vec<(String, Vec<u8>)>) -> ImageAttack {
    ImageAttack {
        name,
        transport: "docker-archive",
        make,
    }
}

const fn layout(name: &'static str, make: fn() -> Vec<(String, Vec<u8>)>) -> ImageAttack {
    ImageAttack {
        name,
        transport: "oci",
        make,
    }
}

const fn document(name: &'static str, make: fn() -> Vec<(String, Vec<u8>)>) -> ImageAttack {
    ImageAttack {
        name,
        transport: "sbom",
        make,
    }
}

const OCI: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
const POM: &[u8] = b"groupId=g\nartifactId=a\nversion=1\n";
const ODD_STANZAS: &str = "Package: good\nVersion: 1\nStatus: install ok installed\n\n\
    no field at all\n\nPackage: two\nPackage: three\nVersion: 1\n\nVersion: 9\n\n \
    a line that goes on from nothing\n\nPackage: worse\nVersion: :::\nStatus: install ok installed\n";

fn file(name: &str, bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    vec![(name.to_owned(), bytes)]
}

fn one_file(path: &str, content: &[u8]) -> Vec<(String, Vec<u8>)> {
    file("image.tar", saved(&[ended(&[&entry(path, b'0', content)])]))
}

fn one_program(path: &str, content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let header = Header::new(path, b'0', content.len() as u64).with(100, b"0000755\0");
    let layer = ended(&[&header.block(), &super::forge::blocks(content)]);
    file("image.tar", saved(&[layer]))
}

/// A status file in a layer of its own.
fn status(text: &str) -> Vec<u8> {
    ended(&[&entry("var/lib/dpkg/status", b'0', text.as_bytes())])
}

fn stanzas(count: usize) -> String {
    (0..count)
        .map(|number| {
            format!("Package: p{number}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n")
        })
        .collect()
}

fn long_paths() -> Vec<u8> {
    let deep = "d/".repeat(2_000);
    let mut layer = Vec::new();
    for number in 0..5_000 {
        layer.extend(long(&format!("{deep}{number}"), b'0', b""));
    }
    layer.extend(END);
    layer
}

fn config(layers: &[Digest]) -> String {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{layer}\"")).collect();
    format!(
        "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[{}]}}}}",
        ids.join(",")
    )
}

/// What `docker save` writes of these layers.
fn saved(layers: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<String> = (0..layers.len())
        .map(|place| format!("\"layer{place}.tar\""))
        .collect();
    saved_as(layers, &format!("[{}]", names.join(",")), layers.len())
}

/// The same with other names of layers in the manifest, and so many in the configuration.
fn saved_as(layers: &[Vec<u8>], names: &str, count: usize) -> Vec<u8> {
    let mut digests: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    digests.resize(count, Digest::of(b""));
    saved_with(layers, &config(&digests), names)
}

fn saved_with(layers: &[Vec<u8>], config: &str, names: &str) -> Vec<u8> {
    let manifest =
        format!("[{{\"Config\":\"config.json\",\"RepoTags\":[\"x:1\"],\"Layers\":{names}}}]");
    let mut pieces = vec![
        entry("manifest.json", b'0', manifest.as_bytes()),
        entry("config.json", b'0', config.as_bytes()),
    ];
    for (place, layer) in layers.iter().enumerate() {
        pieces.push(entry(&format!("layer{place}.tar"), b'0', layer));
    }
    ended(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// What `docker save` would write of a layer that comes compressed.
fn packed_layer(layer: &[u8]) -> Vec<u8> {
    let mut raw = HashWriter::new(std::io::sink());
    zstd::stream::copy_decode(layer, &mut raw).expect("it was just written");
    let (digest, _, _) = raw.finish();
    saved_with(&[layer.to_vec()], &config(&[digest]), "[\"layer0.tar\"]")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn descriptor(kind: &str, digest: Digest, size: usize) -> String {
    format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{digest}\",\"size\":{size}}}")
}

fn index(descriptor: &str) -> String {
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{descriptor}]}}"
    )
}

/// A layout that lists one thing and holds these blobs.
fn oci(listed: &str, blobs: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("image/oci-layout".to_owned(), OCI.to_vec()),
        ("image/index.json".to_owned(), index(listed).into_bytes()),
    ];
    for blob in blobs {
        files.push((blob_path(blob), blob.clone()));
    }
    files
}

fn blob_path(blob: &[u8]) -> String {
    format!("image/blobs/sha256/{}", Digest::of(blob).hex())
}

/// A layout of an image with one layer, whose blob is changed after its digest was taken.
fn oci_image(layer: &[u8], change: fn(&mut Vec<u8>)) -> Vec<(String, Vec<u8>)> {
    let config = config(&[Digest::of(b"not known")]).into_bytes();
    let kind = match layer.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        true => "application/vnd.oci.image.layer.v1.tar+zstd",
        false => "application/vnd.oci.image.layer.v1.tar+gzip",
    };
    let of = |kind: &str, bytes: &[u8]| descriptor(kind, Digest::of(bytes), bytes.len());
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{},\"layers\":[{}]}}",
        of("application/vnd.oci.image.config.v1+json", &config),
        of(kind, layer),
    )
    .into_bytes();
    let listed = of("application/vnd.oci.image.manifest.v1+json", &manifest);
    let mut files = oci(&listed, &[config, manifest]);
    let mut changed = layer.to_vec();
    change(&mut changed);
    files.push((blob_path(layer), changed));
    files
}

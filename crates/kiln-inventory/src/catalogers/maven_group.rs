//! The group of an artifact of Maven's whose jar has no `pom.properties`, as Gradle and Ant make them.
//!
//! Advisories name group and artifact, so that an artifact without its group is one without advisories.
//! A group is said only where two things agree: the name of the artifact, and what lies in the jar (a
//! folder of classes that only this project has, or the module's name in the manifest).

/// (artifact, or with `*` at its end the begin of one; group; begin of the paths of its classes).
///
/// The first that fits counts.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "spring-boot*",
        "org.springframework.boot",
        "org/springframework/boot/",
    ),
    (
        "spring-security-*",
        "org.springframework.security",
        "org/springframework/security/",
    ),
    (
        "spring-data-*",
        "org.springframework.data",
        "org/springframework/data/",
    ),
    (
        "spring-cloud-*",
        "org.springframework.cloud",
        "org/springframework/cloud/",
    ),
    (
        "spring-session-*",
        "org.springframework.session",
        "org/springframework/session/",
    ),
    (
        "spring-integration-*",
        "org.springframework.integration",
        "org/springframework/integration/",
    ),
    (
        "spring-batch-*",
        "org.springframework.batch",
        "org/springframework/batch/",
    ),
    (
        "spring-kafka",
        "org.springframework.kafka",
        "org/springframework/kafka/",
    ),
    (
        "spring-amqp",
        "org.springframework.amqp",
        "org/springframework/amqp/",
    ),
    (
        "spring-rabbit",
        "org.springframework.amqp",
        "org/springframework/amqp/",
    ),
    ("spring-aop", SPRING, "org/springframework/aop/"),
    ("spring-aspects", SPRING, "org/springframework/"),
    ("spring-beans", SPRING, "org/springframework/beans/"),
    ("spring-context*", SPRING, "org/springframework/"),
    ("spring-core", SPRING, "org/springframework/core/"),
    (
        "spring-expression",
        SPRING,
        "org/springframework/expression/",
    ),
    ("spring-jcl", SPRING, "org/apache/commons/logging/"),
    ("spring-jdbc", SPRING, "org/springframework/jdbc/"),
    ("spring-jms", SPRING, "org/springframework/jms/"),
    ("spring-messaging", SPRING, "org/springframework/messaging/"),
    ("spring-orm", SPRING, "org/springframework/orm/"),
    ("spring-oxm", SPRING, "org/springframework/oxm/"),
    ("spring-r2dbc", SPRING, "org/springframework/r2dbc/"),
    ("spring-tx", SPRING, "org/springframework/"),
    ("spring-web", SPRING, "org/springframework/web/"),
    ("spring-webflux", SPRING, "org/springframework/web/"),
    ("spring-webmvc", SPRING, "org/springframework/web/"),
    ("spring-websocket", SPRING, "org/springframework/web/"),
    ("tomcat-embed-core", TOMCAT, "org/apache/catalina/"),
    ("tomcat-embed-el", TOMCAT, "org/apache/el/"),
    ("tomcat-embed-jasper", TOMCAT, "org/apache/jasper/"),
    (
        "tomcat-embed-websocket",
        TOMCAT,
        "org/apache/tomcat/websocket/",
    ),
    ("micrometer-*", "io.micrometer", "io/micrometer/"),
    ("h2", "com.h2database", "org/h2/"),
    (
        "checker-qual",
        "org.checkerframework",
        "org/checkerframework/",
    ),
    ("kotlin-stdlib*", "org.jetbrains.kotlin", "kotlin/"),
    ("okhttp", "com.squareup.okhttp3", "okhttp3/"),
    ("okio", "com.squareup.okio", "okio/"),
    ("okio-jvm", "com.squareup.okio", "okio/"),
    ("reactor-core", "io.projectreactor", "reactor/core/"),
    (
        "reactor-netty-*",
        "io.projectreactor.netty",
        "reactor/netty/",
    ),
    ("elasticsearch", "org.elasticsearch", "org/elasticsearch/"),
    ("lucene-*", "org.apache.lucene", "org/apache/lucene/"),
    ("kafka-clients", "org.apache.kafka", "org/apache/kafka/"),
    ("hsqldb", "org.hsqldb", "org/hsqldb/"),
    ("bcprov-*", "org.bouncycastle", "org/bouncycastle/"),
    ("bcpkix-*", "org.bouncycastle", "org/bouncycastle/"),
    ("bcutil-*", "org.bouncycastle", "org/bouncycastle/"),
    ("bcpg-*", "org.bouncycastle", "org/bouncycastle/"),
    ("grpc-*", "io.grpc", "io/grpc/"),
];
const SPRING: &str = "org.springframework";
const TOMCAT: &str = "org.apache.tomcat.embed";

/// The group of an artifact, by the paths in its jar, the module's name and the bundle's name of its
/// manifest.
pub(super) fn group_of<'a>(
    artifact: &str,
    mut paths: impl Iterator<Item = &'a str>,
    module: Option<&str>,
    bundle: Option<&'a str>,
) -> Option<&'a str> {
    let known = KNOWN
        .iter()
        .find(|(name, ..)| match name.strip_suffix('*') {
            Some(begin) => artifact.starts_with(begin),
            None => artifact == *name,
        });
    if let Some((_, group, folder)) = known {
        // `spring-boot-starter-web` has no classes; its module is called `spring.boot.starter.web`.
        let is_module = module.is_some_and(|module| module == artifact.replace('-', "."));
        return (is_module || paths.any(|path| path.starts_with(folder))).then_some(*group);
    }
    // Maven's own way to name a bundle: the group, a dot, the artifact.
    bundle?
        .strip_suffix(artifact)?
        .strip_suffix('.')
        .filter(|group| group.contains('.') && !group.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::group_of;

    #[test]
    fn name_and_content_must_agree() {
        let group = |artifact: &str, path: &'static str| {
            group_of(artifact, std::iter::once(path), None, None)
        };
        let spring = "org/springframework/core/a.class";
        assert_eq!(group("spring-core", spring), Some("org.springframework"));
        assert_eq!(group("spring-core", "com/example/a.class"), None);
        assert_eq!(group("h2", "org/h2/Driver.class"), Some("com.h2database"));
        assert_eq!(group("h2-mine", "org/h2/Driver.class"), None);
        assert_eq!(
            group("spring-boot-autoconfigure", "org/springframework/boot/a"),
            Some("org.springframework.boot")
        );
    }

    #[test]
    fn manifests_speak_for_jars_without_classes_and_for_bundles() {
        let starter = "spring-boot-starter-web";
        let none = || std::iter::empty();
        assert_eq!(
            group_of(starter, none(), Some("spring.boot.starter.web"), None),
            Some("org.springframework.boot")
        );
        assert_eq!(group_of(starter, none(), Some("other"), None), None);
        let bundle = |artifact, bundle| group_of(artifact, none(), None, Some(bundle));
        assert_eq!(
            bundle("lib-core", "com.example.lib.lib-core"),
            Some("com.example.lib")
        );
        assert_eq!(bundle("core", "com.example.lib-core"), None);
        assert_eq!(bundle("core", "core"), None);
        assert_eq!(bundle("core", "example.core"), None);
    }
}

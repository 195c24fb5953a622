/** The blueprint of `tests/main.test.rhai` (spec plugin-api.md §9.2). `%name%` is filled in. */
export const mainTestRhai = `// Tests of main.rhai, without a container, a network or a node: nib image test. They are no part of the image.
// Each function test_...() runs on a host of its own, for every variant of babel.yaml. What the plugin asks for and a test says
// nothing about fails the test, and tells how to say it. All that a test can do: docs/plugin-tests.md

/// Before every test.
fn setup() {
    host.sh(starts_with("mkdir -p "), "");
}

/// The node starts as soon as its data are there.
fn test_start() {
    plugin.init();
    jobs.finish("identity");
    assert_eq(jobs.state("node"), "pending");
    jobs.finish("download");
    assert_eq(jobs.state("node"), "running");
    assert_job("node", #{ run_sh: contains("example-node"), needs: ["download"] });
}

/// A node that makes no blocks is unhealthy.
fn test_status() {
    host.sh(starts_with("cat "), "12");
    host.sh(starts_with("stat "), clock.now().to_string());
    assert_eq(plugin.height(), 12);
    assert_eq(plugin.status(), #{ state: "broadcasting", health: "healthy" });
    clock.advance(3600);
    assert_eq(plugin.status(), #{ state: "delinquent", health: "unhealthy" });
}

// With this, a review sees what a change of plugin_config() does to the jobs. "nib image test --update" keeps them as they are now.
// fn test_jobs() {
//     plugin.init();
//     snapshot("jobs", jobs.configs());
// }
`;

//! The page in a browser: no complaint on its console, and its own test is content.

use super::About;
use super::tests::case;
use std::io::Write;
use std::process::Command;
use std::{env, fs};

/// The first Chromium that starts.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|told| told.status.success()))
}

/// What the page at this place turns itself into, and what it says on its console.
fn opened(browser: &str, folder: &std::path::Path, page: &str) -> (String, String) {
    fs::create_dir_all(folder).expect("a place for the page");
    let file = folder.join("page.html");
    fs::write(&file, page).expect("the page is written");
    let profile = format!("--user-data-dir={}", folder.display());
    let quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];
    let plain =
        ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr", "--dump-dom"];
    let output = Command::new(browser)
        .args(plain.iter().chain(&quiet))
        .args([profile, format!("file://{}#test", file.display())])
        .output()
        .expect("it starts");
    fs::remove_dir_all(folder).expect("the place is ours");
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (words(&output.stdout), words(&output.stderr))
}

#[test]
fn the_page_is_content_with_itself_in_a_browser() {
    let Some(browser) = chromium() else {
        // Past the capture of tests: who reads the log shall see it.
        let words = "SKIPPED: no Chromium here, so the page was not opened in a browser (install `chromium`)\n";
        return std::io::stderr().write_all(words.as_bytes()).expect("stderr is there");
    };
    let film = case().film();
    let page = super::page(&film, &About::default());
    let folder = env::temp_dir().join(format!("rsm-page-{}", std::process::id()));
    let (page, said) = opened(browser, &folder, &page);
    let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default();
    assert!(title.starts_with(&format!("ok {} events ", film.notes.len())), "{title}\n{said}");
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

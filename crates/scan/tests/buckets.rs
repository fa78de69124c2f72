//! Scans of buckets: in parts side by side, and with pages that never come.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use syncplan_model::Snapshot;
use syncplan_model::snapshot::{Gap, ProblemKind};
use syncplan_model::spec::Provider;
use syncplan_scan::{ScanError, ScanRequest, scan};
use syncplan_store::{Reach, S3Settings, S3Store, StoreErrorKind};
use syncplan_testkit::{Contents, LargeBucket};

fn store(bucket: &LargeBucket) -> Arc<S3Store> {
    let settings = S3Settings {
        endpoint: Some(bucket.url.clone()),
        reach: Reach { retries: 1, timeout: Duration::from_secs(20), ..Reach::default() },
        ..S3Settings::new(Provider::Other, "bkt")
    };
    Arc::new(S3Store::open(&settings, "bucket".to_owned()).unwrap())
}

async fn try_scan(bucket: &LargeBucket, previous: Option<&Snapshot>) -> Result<Snapshot, ScanError> {
    let request = ScanRequest { previous: previous.cloned(), ..ScanRequest::default() };
    let found = Arc::clone(&request.found);
    let scan = scan(store(bucket), request).await?;
    assert_eq!(found.load(Ordering::Relaxed), scan.snapshot.entries(), "it is counted as it is found");
    Ok(scan.snapshot)
}

fn start(contents: Contents) -> LargeBucket {
    LargeBucket::start(contents).unwrap()
}

fn whole(objects: u64) -> Contents {
    Contents { objects, ..Contents::default() }
}

fn gaps(snapshot: &Snapshot) -> Vec<Gap<'_>> {
    snapshot.gaps().collect()
}

fn key(number: u64) -> String {
    LargeBucket::key(number)
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_side_by_side_are_the_whole_in_order() {
    const OBJECTS: u64 = 100_000;
    let bucket = start(whole(OBJECTS));
    let first = try_scan(&bucket, None).await.unwrap();
    assert_eq!((first.entries(), bucket.pages()), (OBJECTS, 100));
    assert_eq!(first.cuts(8).len(), 7);
    let again = try_scan(&bucket, Some(&first)).await.unwrap();
    assert_eq!(again.digest(), first.digest());
    assert!(again.is_complete());
    // Each part ends with the page that reaches the next one, and one more may be on its way by then.
    let pages = bucket.pages() - 100;
    assert!((100..=116).contains(&pages), "{pages} pages for 100,000 objects");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_comes_leaves_a_gap_to_the_end_of_its_part() {
    const OBJECTS: u64 = 50_000;
    let first = try_scan(&start(whole(OBJECTS)), None).await.unwrap();
    let cuts = first.cuts(8);
    let broken = Some(20_000..30_000);
    let bucket = start(Contents { broken, ..whole(OBJECTS) });
    let found = try_scan(&bucket, Some(&first)).await.unwrap();
    assert!(!found.is_complete());
    let mut cursor = found.cursor();
    for number in 0..OBJECTS {
        let key = key(number);
        let is_unknown = gaps(&found).iter().any(|gap| gap.covers(key.as_bytes()));
        let is_there = cursor.current().is_some_and(|entry| entry.path.as_bytes() == key.as_bytes());
        assert_ne!(is_there, is_unknown, "{key}");
        if is_there {
            cursor.advance();
        }
    }
    let listed = found.entries();
    assert!((OBJECTS - 20_000..OBJECTS).contains(&listed), "{listed}");
    // Nothing is a gap but what stands behind a page that came, up to the beginning of the next part.
    for problem in found.problems() {
        assert_eq!(problem.kind, ProblemKind::Gap);
        let until = problem.until.as_ref().unwrap();
        assert!(cuts.iter().any(|cut| cut.as_bytes() == until), "{problem}");
        assert!(problem.message.contains("InternalError"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gap_of_a_first_listing_goes_on_to_the_end() {
    let bucket = start(Contents { broken: Some(2000..2001), ..whole(5000) });
    let found = try_scan(&bucket, None).await.unwrap();
    assert_eq!(found.entries(), 2000);
    assert!(gaps(&found)[0].covers(key(2000).as_bytes()) && gaps(&found)[0].covers(b"zzz"));
    assert!(!gaps(&found)[0].covers(key(1999).as_bytes()));
    assert_eq!(
        found.problems()[0].to_string().split(':').next(),
        Some("everything behind `folder-0001/object-0001999.bin`")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listed_at_all_is_an_error() {
    let first = try_scan(&start(whole(20_000)), None).await.unwrap();
    for previous in [None, Some(&first)] {
        let broken = start(Contents { broken: Some(0..u64::MAX), ..whole(20_000) });
        let error = try_scan(&broken, previous).await.unwrap_err();
        assert!(
            matches!(&error, ScanError::Store(error) if error.kind == StoreErrorKind::Transient),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_begins_at_the_first_whatever_it_is_asked_is_listed_in_one_piece() {
    let contents = Contents { begins_at_first: true, ..whole(20_000) };
    let bucket = start(contents);
    let first = try_scan(&bucket, None).await.unwrap();
    assert!(!first.cuts(8).is_empty());
    let again = try_scan(&bucket, Some(&first)).await.unwrap();
    assert_eq!((again.entries(), again.digest()), (20_000, first.digest()));
}

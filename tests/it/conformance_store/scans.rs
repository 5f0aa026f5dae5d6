//! Pages and what is due.

use keypairs::error::Reason;
use keypairs::model::{Filter, KeyPair};
use keypairs::store::{Change, Item, Limit, Note, Noted, Query, StoredRequest};

use super::bed::*;

super::both!(
    pages_in_order_of_ids,
    filters_and_deleted_pairs,
    pages_end_at_rows_read,
    pages_from_the_newest_down,
    pages_of_all_projects,
    due_earliest_first,
    forgotten_requests_are_gone,
    stale_forget_does_nothing,
);

async fn pages_in_order_of_ids(bed: &mut Bed) {
    for number in [5, 3, 1, 4, 2] {
        bed.insert(&pair("a", number)).await;
    }
    let (project, filter) = (project("a"), Filter::default());
    let query = |after| Query::Project { project: &project, after, filter: &filter };
    let first = bed.page(query(None), 2).await;
    assert_eq!((ids(&first), first.next), (vec![id(1), id(2)], Some(id(2))));
    let second = bed.page(query(first.next), 2).await;
    assert_eq!((ids(&second), second.next), (vec![id(3), id(4)], Some(id(4))));
    let last = bed.page(query(second.next), 2).await;
    assert_eq!((ids(&last), last.next), (vec![id(5)], None));
    // A page that ends with the last row has no next one.
    let all = bed.page(query(None), 5).await;
    assert_eq!((ids(&all).len(), all.next), (5, None));
}

async fn filters_and_deleted_pairs(bed: &mut Bed) {
    let gone = pair("a", 2);
    for pair in [pair("a", 1), gone.clone(), pair("a", 3)] {
        bed.insert(&pair).await;
    }
    bed.commit(vec![replace(&deleted(&gone, 5_000))]).await.unwrap();
    let project = project("a");
    let seen = |filter: Filter| {
        let (bed, project) = (&*bed, &project);
        async move { ids(&bed.page(Query::Project { project, after: None, filter: &filter }, 10).await) }
    };
    assert_eq!(seen(Filter::default()).await, vec![id(1), id(3)]);
    assert_eq!(seen(Filter { show_deleted: true, ..Filter::default() }).await, vec![id(1), id(2), id(3)]);
    assert_eq!(seen(Filter { name_prefix: "key-3".into(), ..Filter::default() }).await, vec![id(3)]);
}

async fn pages_end_at_rows_read(bed: &mut Bed) {
    for number in 1..=300 {
        bed.insert(&public_pair("a", number)).await;
    }
    let (project, filter) = (project("a"), Filter { name_prefix: "key-300".into(), ..Filter::default() });
    let scan = |after, reads| {
        let query = Query::Project { project: &project, after, filter: &filter };
        bed.store().scan(query, Limit { rows: 10, reads })
    };
    let page = scan(None, 200).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, Some(id(200))));
    let page = scan(page.next, 200).await.unwrap();
    assert_eq!((ids(&page), page.next), (vec![id(300)], None));
    // One page over several steps of the reader.
    assert_eq!(ids(&scan(None, 1_000).await.unwrap()), vec![id(300)]);
}

async fn pages_from_the_newest_down(bed: &mut Bed) {
    for (project, numbers) in [("a", 1..=3), ("b", 4..=303)] {
        for number in numbers {
            bed.insert(&public_pair(project, number)).await;
        }
    }
    bed.commit(vec![replace(&deleted(&public_pair("b", 302), 5_000))]).await.unwrap();
    let project = project("b");
    let query = |before| Query::Newest { project: &project, before };
    let first = bed.page(query(None), 3).await;
    assert_eq!((ids(&first), first.next), (vec![id(303), id(302), id(301)], Some(id(301))));
    // Over several steps of the reader, to the end of the project and no further.
    let rest = bed.page(query(first.next), 1_000).await;
    assert_eq!((ids(&rest), rest.next), ((4..=300).rev().map(id).collect(), None));
}

async fn pages_of_all_projects(bed: &mut Bed) {
    for (project, number) in [("a", 3), ("a", 4), ("b", 1), ("c", 2)] {
        bed.insert(&public_pair(project, number)).await;
    }
    bed.commit(vec![replace(&deleted(&public_pair("a", 4), 5_000))]).await.unwrap();
    let first = bed.page(Query::All { after: None }, 2).await;
    assert_eq!((ids(&first), first.next_of_all.clone()), (vec![id(3), id(4)], Some((project("a"), id(4)))));
    let second = bed.page(Query::All { after: first.next_of_all.as_ref() }, 1).await;
    assert_eq!((ids(&second), second.next_of_all.clone()), (vec![id(1)], Some((project("b"), id(1)))));
    let last = bed.page(Query::All { after: second.next_of_all.as_ref() }, 1).await;
    assert_eq!((ids(&last), last.next_of_all), (vec![id(2)], None));
}

async fn due_earliest_first(bed: &mut Bed) {
    for (number, purge_at) in [(1, 7_000), (2, 5_000), (3, 9_000)] {
        let pair = KeyPair { revision: 0, ..pair(if number == 1 { "a" } else { "b" }, number) };
        bed.insert(&pair).await;
        bed.commit(vec![replace(&deleted(&pair, purge_at))]).await.unwrap();
    }
    let stored = StoredRequest { digest: [3; 32], pair: id(1), expire: 6_000 };
    bed.commit(vec![Change::Remember(request("a", 1), stored)]).await.unwrap();
    assert!(bed.page(Query::Due(4_999), 10).await.items.is_empty());
    let items = bed.page(Query::Due(7_000), 10).await.items;
    assert!(
        matches!(&items[..], [Item::Pair(first), Item::Request(_), Item::Pair(last)]
            if first.id == id(2) && last.id == id(1)),
        "{items:?}"
    );
    assert_eq!(bed.page(Query::Due(7_000), 1).await.items.len(), 1);
}

async fn forgotten_requests_are_gone(bed: &mut Bed) {
    let stored = StoredRequest { digest: [3; 32], pair: id(1), expire: 6_000 };
    bed.commit(vec![Change::Remember(request("a", 1), stored.clone())]).await.unwrap();
    let due = due_request(bed).await;
    bed.commit(vec![Change::Forget(due)]).await.unwrap();
    assert_eq!(bed.store().note(Note::Request(&request("a", 1))).await.unwrap(), Noted::Request(None));
    assert!(bed.page(Query::Due(i64::MAX), 10).await.items.is_empty());
    bed.commit(vec![Change::Remember(request("a", 1), stored)]).await.unwrap();
    assert_eq!(bed.findings().await, vec![]);
}

async fn stale_forget_does_nothing(bed: &mut Bed) {
    let stored = |expire| StoredRequest { digest: [3; 32], pair: id(1), expire };
    bed.commit(vec![Change::Remember(request("a", 1), stored(6_000))]).await.unwrap();
    let due = due_request(bed).await;
    bed.commit(vec![Change::Forget(due.clone())]).await.unwrap();
    bed.commit(vec![Change::Remember(request("a", 1), stored(8_000))]).await.unwrap();
    bed.commit(vec![Change::Forget(due)]).await.unwrap();
    let noted = bed.store().note(Note::Request(&request("a", 1))).await.unwrap();
    assert_eq!(noted, Noted::Request(Some(stored(8_000))));
    refused(bed.commit(vec![Change::Forget(b"q".to_vec())]).await, Reason::Internal);
}

async fn due_request(bed: &Bed) -> Vec<u8> {
    match &bed.page(Query::Due(i64::MAX), 10).await.items[..] {
        [Item::Request(due)] => due.clone(),
        other => panic!("{other:?}"),
    }
}

//! The graph over HTTP, in the form that is wanted.
#[allow(missing_docs)]
mod fake;
use fake::Rig;

#[tokio::test]
async fn the_graph_comes_in_the_form_that_the_query_or_the_client_names() {
    let rig = Rig::new();
    let (json, dot, svg) = ("application/json", "text/vnd.graphviz; charset=utf-8", "image/svg+xml");
    for (path, accept, wanted) in [
        ("/v1/graph", "*/*", json),
        ("/v1/graph", "image/svg+xml", svg),
        ("/v1/graph", "text/vnd.graphviz", dot),
        ("/v1/graph?format=json", "image/svg+xml", json),
        ("/v1/graph?format=dot", "*/*", dot),
        ("/v1/graph?format=svg&function=main", "application/json", svg),
    ] {
        let got = rig.send("GET", path, &[&format!("accept: {accept}")], "").await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, wanted), "{path} {accept}");
        assert_eq!(got.header("vary"), "Accept");
    }
    assert!(rig.get("/v1/graph").await.json()["connections"].is_array());
    assert_eq!(rig.get("/v1/graph?format=svg").await.text(), "<svg/>");
}

#[tokio::test]
async fn an_unknown_form_is_400_and_an_unknown_function_404() {
    let rig = Rig::new();
    assert_eq!(rig.get("/v1/graph?format=png").await.status, 400);
    for form in ["json", "dot", "svg"] {
        assert_eq!(rig.get(&format!("/v1/graph?function=other&format={form}")).await.status, 404);
    }
}

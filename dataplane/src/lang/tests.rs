//! The language by construct, its errors word by word, and its limits.

use super::*;
use alloc::{format, string::ToString, vec};
use proptest::prelude::*;

struct Table;

const CLASSES: [&str; 8] = ["A", "B", "Discard", "Idle", "Print", "Queue", "Tee", "X"];

impl Classes for Table {
    fn exists(&self, class: &str) -> bool {
        CLASSES.contains(&class)
    }
    fn names(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }
}

fn read(text: &str) -> Parsed {
    Reader::new(&Table).read(text, "config")
}

/// The flat graph as text, without its declarations of plain names.
fn flat(text: &str) -> String {
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{text}: {}", render_native(&parsed.diagnostics));
    parsed.flat.unparse()
}

/// `from[port] -> [port]to` for each connection.
fn edges(text: &str) -> Vec<String> {
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{text}: {}", render_native(&parsed.diagnostics));
    edges_of(&parsed.flat)
}

fn edges_of(flat: &Flat) -> Vec<String> {
    let name = |i: usize| &flat.elements[i].name;
    let show = |c: &Connection| format!("{}[{}] -> [{}]{}", name(c.from), c.from_port, c.to_port, name(c.to));
    flat.connections.iter().map(show).collect()
}

fn names(text: &str) -> Vec<String> {
    read(text).flat.elements.iter().map(|e| format!("{} :: {}({})", e.name, e.class, e.config)).collect()
}

fn click(text: &str) -> String {
    render_click(&read(text).diagnostics, Quotes::Curly)
}

fn native(text: &str) -> String {
    render_native(&read(text).diagnostics)
}

#[test]
fn declarations_one_and_many() {
    assert_eq!(flat("a :: A; b, c :: B(1, 2)"), "a :: A;\nb :: B(1, 2);\nc :: B(1, 2);\n\n");
    assert_eq!(flat("a::A(x(y)\")\" /* ) */ ')' \\<28>)"), "a :: A(x(y)\")\" /* ) */ ')' \\<28>);\n\n");
    assert_eq!(flat(""), "");
    assert_eq!(flat(";;"), "");
}

#[test]
fn anonymous_elements_are_numbered_as_by_click() {
    assert_eq!(
        names("Idle -> x :: X -> Discard; Idle -> Discard(1);"),
        ["Idle@1 :: Idle()", "x :: X()", "Discard@3 :: Discard()", "Idle@4 :: Idle()", "Discard@5 :: Discard(1)"]
    );
    // A number that is taken is skipped.
    assert_eq!(names("Idle@2 :: Idle; Idle; X"), ["Idle@2 :: Idle()", "Idle@3 :: Idle()", "X@3 :: X()"]);
}

#[test]
fn connections_and_ports() {
    assert_eq!(edges("a::A; b::B; a[1]->[0]b; a ->[2] b -> b"), ["a[1] -> [0]b", "b[0] -> [0]b", "a[0] -> [2]b"]);
    assert_eq!(edges("Idle -> q :: Queue(5) [3] -> [0x2] X;"), ["Idle@1[0] -> [0]q", "q[3] -> [2]X@3"]);
    // Doubles count once.
    assert_eq!(edges("a::A; a -> a; a -> a;"), ["a[0] -> [0]a"]);
    // A statement may end without a semicolon.
    assert_eq!(edges("a::A -> b::B b -> a"), ["b[0] -> [0]a", "a[0] -> [0]b"]);
}

#[test]
fn port_lists() {
    assert_eq!(edges("a::A [0,1] => [2,3] b::B"), ["a[0] -> [2]b", "a[1] -> [3]b"]);
    assert_eq!(edges("a::A [0-2] => b::B"), ["a[0] -> [0]b", "a[1] -> [1]b", "a[2] -> [2]b"]);
    assert_eq!(edges("a::A => [0, 2-3] b::B"), ["a[0] -> [0]b", "a[1] -> [2]b", "a[2] -> [3]b"]);
    assert_eq!(edges("a::A [1,] => [0-2] b::B"), ["a[1] -> [0]b", "a[2] -> [1]b", "a[3] -> [2]b"]);
    assert_eq!(edges("a::A [0,1] -> b::B"), ["a[0] -> [0]b", "a[1] -> [0]b"]);
    assert_eq!(edges("a::A -> b::B, c::X"), ["a[0] -> [0]b", "a[0] -> [0]c"]);
    assert_eq!(edges("a::A [0,1] => b::B, [1] c::X"), ["a[0] -> [0]b", "a[1] -> [1]c"]);
}

#[test]
fn groups() {
    assert_eq!(edges("a::A -> ( -> b::B -> ) -> c::X"), ["a[0] -> [0]b", "b[0] -> [0]c"]);
    assert_eq!(
        edges("a::A => ( [0] -> b::B -> [1] output; input [1] -> c::X -> [0] output ) => d::Tee"),
        ["a[0] -> [0]b", "a[1] -> [0]c", "c[0] -> [0]d", "b[0] -> [1]d"]
    );
    // The group takes three numbers.
    assert_eq!(names("Idle -> ( -> X -> ) -> Discard")[1..], ["X@5 :: X()", "Discard@6 :: Discard()"]);
}

#[test]
fn compound_elements() {
    let text = "elementclass C { input -> q :: Queue -> output; input [1] -> Print(x) -> [1] output }
        a :: A; c :: C; a -> c -> b :: B; a [1] -> [1] c [1] -> [1] b;";
    assert_eq!(edges(text), ["c/q[0] -> [0]b", "c/Print@2[0] -> [1]b", "a[0] -> [0]c/q", "a[1] -> [0]c/Print@2"]);
    assert_eq!(names(text), ["a :: A()", "b :: B()", "c/q :: Queue()", "c/Print@2 :: Print(x)"]);
    // In place, and one through which packets only pass.
    assert_eq!(
        edges("a::A -> { -> x :: X -> } -> b::B; a [1] -> {input->output} -> [1]b"),
        ["@2/x[0] -> [0]b", "a[1] -> [1]b", "a[0] -> [0]@2/x"]
    );
    assert_eq!(names("c :: { $n | -> Print($n) -> }(7); Idle -> c -> Discard")[2], "c/Print@1 :: Print(7)");
}

#[test]
fn compound_parameters() {
    let class = "elementclass C { $a, KEY $k, __REST__ $r | Print(a $a k $k r $r) }";
    assert_eq!(names(&format!("{class} C(1, z, KEY 2, y)")), ["C@1/Print@1 :: Print(a 1 k 2 r z, y)"]);
    assert_eq!(
        click(&format!("{class}\nC(1);")),
        "config:2: no match for ‘C[1 argument, 0 inputs, 0 outputs]’\n\
         config:1: candidates are:\nconfig:1:   C(<arg>, KEY, ...)[0 inputs, 0 outputs]\n"
    );
    assert_eq!(
        native("elementclass C { $a | Print($a) }\nidle :: Idle;\n  c :: C(1, 2);\n"),
        "config:3:3: error: no match for ‘C[2 arguments, 0 inputs, 0 outputs]’\n  \
         note: config:1:18: candidates are:\n  note: config:1:18: C(<arg>)[0 inputs, 0 outputs]\n"
    );
}

#[test]
fn overloading_and_extension() {
    let text = "elementclass Foo {\n   $a, $b | input -> Print(1) -> output\n|| $a, __REST__ $b | input -> Print(2) -> output }
        Idle -> Foo(A) -> f::Foo(A, TWO B);
        elementclass Foo { $a, $b | input -> Print(4) -> output || ... }
        f -> Foo(A, B) -> Foo(A, B, C) -> Discard";
    let printed: Vec<String> = names(text).into_iter().filter(|n| n.contains("Print")).collect();
    assert_eq!(
        printed,
        [
            "Foo@2/Print@1 :: Print(2)",
            "f/Print@1 :: Print(1)",
            "Foo@4/Print@1 :: Print(4)",
            "Foo@5/Print@1 :: Print(2)"
        ]
    );
    // By ports, and ending in a built-in class.
    let text = "elementclass Queue { input [1] -> Tee; input -> Tee || ... } Idle -> Queue(3) -> Discard";
    assert_eq!(names(text)[1], "Queue@2 :: Queue(3)");
    assert_eq!(click("elementclass N { || ... }").lines().count(), 1);
}

#[test]
fn synonyms_scopes_and_shadowing() {
    assert_eq!(names("elementclass Alias Queue; Alias(3)"), ["Alias@1 :: Queue(3)"]);
    let text = "elementclass Outer { elementclass Inner { -> Tee -> } input -> Inner -> output }
        Idle -> Outer -> Discard; Inner :: X;";
    assert_eq!(
        names(text),
        ["Idle@1 :: Idle()", "Discard@3 :: Discard()", "Inner :: X()", "Outer@2/Inner@1/Tee@1 :: Tee()"]
    );
    // The class as it was when the body was read.
    assert_eq!(
        names("elementclass Q Queue; elementclass C { q :: Q } elementclass Q Tee; c :: C; r :: Q"),
        ["r :: Tee()", "c/q :: Queue()"]
    );
}

#[test]
fn variables() {
    let text = "define($N 5, $M ${N}0); Print($N $M \"$N\" '$N' ${X-7} $unknown)";
    assert_eq!(names(text), ["Print@1 :: Print(5 50 \"5\" '$N' 7 $unknown)"]);
    let given = Reader::new(&Table).define("N", "9").define("Z", "z").read("define($N 5) Print($N, $Z)", "config");
    assert_eq!(given.flat.elements[0].config, "9, z");
    // A parameter hides a variable of the file; values keep their own scope.
    let text = "define($x out) elementclass C { $x | Print($x) D($x) } elementclass D { $y | Print($x $y) }";
    assert_eq!(click(text), "config:1: undeclared element ‘D’\n");
    let text = "define($x out) elementclass D { $y | Print($x $y) } elementclass C { $x | Print($x) D($x) } C(in)";
    assert_eq!(names(text), ["C@1/Print@1 :: Print(in)", "C@1/D@2/Print@1 :: Print(out in)"]);
    let text = "elementclass C { $a | define($b $a$a) Print($b) } C(x)";
    assert_eq!(names(text), ["C@1/Print@1 :: Print(xx)"]);
}

struct Files(Vec<(&'static str, &'static str)>);

impl Loader for Files {
    fn load(&mut self, name: &str, _from: &str) -> Result<Option<Library>, String> {
        let file = self.0.iter().find(|f| f.0 == name);
        Ok(file.map(|f| Library { path: format!("/lib/{name}"), text: f.1.into() }))
    }
}

#[test]
fn requirements_and_libraries() {
    let p = read("require(foo, package \"bar\", compact_config) provide(baz)");
    let shown: Vec<String> = p.flat.requirements.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["package foo", "package bar", "compact_config"]);
    assert_eq!(p.flat.provides, ["baz"]);
    assert_eq!(p.flat.unparse(), "require(package \"foo\", package \"bar\", compact_config);\n\n");

    let mut files = Files(vec![("c.click", "require(library c.click) elementclass C { Tee }\nx :: Y")]);
    let text = "require(library c.click); require(library c.click) C; require(library no)";
    let p = Reader::new(&Table).libraries(&mut files).read(text, "m.click");
    assert_eq!(
        render_click(&p.diagnostics, Quotes::Ascii),
        "/lib/c.click:2: unknown element class 'Y'\nm.click:1: library 'no' not found in CLICKPATH/conf\n"
    );
    let flat: Vec<_> = p.flat.elements.iter().map(|e| (e.name.as_str(), e.class.as_str())).collect();
    assert_eq!(flat, [("x", UNKNOWN), ("C@2/Tee@1", "Tee")]);
    assert_eq!(click("require(a b c)"), "config:1: syntax error at requirement\n");
    assert_eq!(click("{ require(library x) }"), "config:1: ‘require library’ must be used at file scope\n");
}

#[test]
fn comments_and_line_directives() {
    let p = read(
        "// a\n/* b\n */ a :: A // c\n#line 40 \"other.click\"\nb :: B;\n# 7\nc :: X(\n#line 9\n1);\n#line 3 \"\"\nd::A",
    );
    assert_eq!(p.diagnostics, []);
    let at: Vec<String> = p.flat.elements.iter().map(|e| e.at.to_string()).collect();
    assert_eq!(at, ["config:3:5", "other.click:40:1", "other.click:7:1", "config:3:1"]);
    assert_eq!(p.flat.elements[2].config, "\n\n1");
    assert_eq!(p.flat.elements[0].at.landmark(), "config:3");
    assert_eq!(click("#pragma\na::A"), "config:1: unknown preprocessor directive\n");
    assert_eq!(click("a::A\r\n\rb::Y"), "config:3: unknown element class ‘Y’\n");
    assert_eq!(click("a::A /* b"), "config:1: warning: unterminated comment\n");
}

#[test]
fn unknown_classes_and_elements() {
    assert_eq!(
        native("a :: Quee;\n\n Idel -> prnt :: print -> a -> nosuchthing;\n"),
        "config:1:6: error: unknown element class ‘Quee’\n  hint: did you mean ‘Queue’?\n\
         config:3:2: error: undeclared element ‘Idel’\n  hint: did you mean ‘Idle’?\n\
         config:3:18: error: unknown element class ‘print’\n  hint: did you mean ‘Print’?\n\
         config:3:32: error: undeclared element ‘nosuchthing’\n"
    );
    assert_eq!(click("a -> Discard;\na -> Discard"), "config:1: undeclared element ‘a’\n");
    assert_eq!(
        native("queue1 :: Queue; Idle -> queu1"),
        "config:1:26: error: undeclared element ‘queu1’\n  hint: did you mean ‘queue1’?\n"
    );
    // Used too early is one mistake, with the remedy.
    assert_eq!(
        native("Idle -> q;\nq :: Queue;"),
        "config:1:9: error: undeclared element ‘q’\n  hint: ‘q’ is declared later, at line 2: move it up\n"
    );
}

#[test]
fn redeclarations() {
    assert_eq!(
        click("a :: A;\n\na :: B;"),
        "config:3: redeclaration of element ‘a’\nconfig:1: element ‘a’ previously declared here\n"
    );
    assert_eq!(
        native("a :: A;\na :: B;"),
        "config:2:1: error: redeclaration of element ‘a’\n  note: config:1:1: element ‘a’ previously declared here\n"
    );
    assert_eq!(click("Queue :: A"), "config:1: class ‘Queue’ used as element name\n");
    assert_eq!(click("a :: A; a(3) -> a"), "config:1: configuration string ignored on element reference\n");
    assert_eq!(click("12 :: A; b/3 :: A").lines().count(), 2);
    assert_eq!(click("12 :: A"), "config:1: element name ‘12’ has all-digit component\n");
    assert_eq!(
        click("c/x :: A;\nelementclass C { x :: B }\nc :: C"),
        "config:3: redeclaration of element ‘c/x’\nconfig:1: ‘c/x’ previously declared here\n"
    );
}

#[test]
fn compound_port_errors() {
    assert_eq!(click("elementclass C {\n input [1] -> Tee -> output }"), "config:2: ‘C’ input 0 missing\n");
    assert_eq!(click("elementclass C { Idle -> [1] output }"), "config:1: ‘C’ output 0 missing\n");
    assert_eq!(
        click("elementclass C { Tee -> input }"),
        "config:1: ‘C’ pseudoelement ‘input’ may only be used as output\n"
    );
    assert_eq!(
        click("{ output -> Tee }"),
        "config:1: ‘<anonymous>’ pseudoelement ‘output’ may only be used as input\n"
    );
    let class = "elementclass C { -> Tee -> }\nc :: C;\n";
    assert_eq!(click(&format!("{class}Idle -> c -> Discard; Idle -> [1] c")), "config:2: ‘c’ has no input 1\n");
    assert_eq!(click(&format!("{class}Idle -> c -> Discard; c [2] -> X")), "config:2: ‘c’ has no output 2\n");
    assert_eq!(click(&format!("{class}Idle -> c")), "config:2: ‘c’ output 0 unused\n");
    assert_eq!(click(&format!("{class}c -> X")), "config:2: ‘c’ input 0 unused\n");
    assert_eq!(
        click("A -> ( input [1] -> X ) -> B").lines().next(),
        Some("config:1: ‘<anonymous group>’ input 0 missing")
    );
}

#[test]
fn connection_errors() {
    assert_eq!(click("a::A [0,1] -> [0,1] b::B"), "config:1: syntax error: many-to-many connections require ‘=>’\n");
    assert_eq!(click("a::A [0,1] => [0-2] b::B"), "config:1: connection mismatch: 2 outputs connected to 3 inputs\n");
    assert_eq!(click("a::A [0,] => [0,] b::B"), "config:1: at most one expandable port allowed per connection\n");
    assert_eq!(
        click("a::A [0-2,] => [0,1] b::B"),
        "config:1: connection mismatch: 3 or more outputs connected to 2 inputs\n"
    );
    assert_eq!(
        click("a::A [0,1] => [0,1,2,] b::B"),
        "config:1: connection mismatch: 2 outputs connected to 3 or more inputs\n"
    );
    assert_eq!(click("a::A -> b::B [1]"), "config:1: output ports ignored at end of chain\n");
    assert_eq!(click("a::A; [1] a -> a"), "config:1: input ports ignored at start of chain\n");
    assert_eq!(click("a::A [x] -> a"), "config:1: syntax error: port number should be integer\n");
    assert_eq!(click("a::A [] -> a").lines().count(), 0);
    assert_eq!(
        click("a::A [;\nb :: Y"),
        "config:1: syntax error: expected port number\nconfig:2: unknown element class ‘Y’\n"
    );
    assert_eq!(native("a::A [70000] -> a"), "config:1:7: error: port number 70000 is out of range (0 to 65535)\n");
    assert_eq!(click("a::A -> ;"), "config:1: syntax error near ‘;’\n");
    assert_eq!(click("( [0] a :: A )").lines().last(), Some("config:1: input ports ignored at start of chain"));
}

#[test]
fn syntax_errors_do_not_cascade() {
    assert_eq!(
        click("a :: ;\nb :: Y;"),
        "config:1: missing element type in declaration\nconfig:2: unknown element class ‘Y’\n"
    );
    assert_eq!(
        click("a :: A % b :: B (x) { y }\nc :: A -> d :: Y\n"),
        "config:1: syntax error near ‘%’\nconfig:2: unknown element class ‘Y’\n"
    );
    assert_eq!(click("}\na :: Y"), "config:1: syntax error near ‘}’\nconfig:2: unknown element class ‘Y’\n");
    assert_eq!(click("a :: A(1, 2"), "config:1: expected ')'\n");
    assert_eq!(
        native("a ::\n A(\"x)"),
        "config:2:7: error: expected ')'\n  hint: unterminated string at line 2, column 4\n"
    );
    assert_eq!(click("elementclass C {\n Tee\n"), "config:3: expected ‘}’\n");
    assert_eq!(click("( -> Tee"), "config:1: expected ‘)’\n");
    assert_eq!(
        click("elementclass { Tee }\na :: Y"),
        "config:1: expected element type name\nconfig:2: unknown element class ‘Y’\n"
    );
    assert_eq!(
        click("elementclass C -> D; a :: Y"),
        "config:1: syntax error near ‘->’\nconfig:1: unknown element class ‘Y’\n"
    );
    assert_eq!(click("define(N 3)"), "config:1: bad ‘define’ declaration: not a variable\n");
    assert_eq!(click("define($N 3, $N 4)"), "config:1: parameter ‘$N’ multiply defined\n");
    assert_eq!(click("elementclass C { $a $b | Tee }").lines().next(), Some("config:1: expected ‘,’ or ‘|’"));
    assert_eq!(
        click("elementclass C { K $a, $b | Tee }"),
        "config:1: compound element parameters out of order\n\
         config:1: (The correct order is ‘[positional], [keywords], [__REST__]’.)\n"
    );
    assert_eq!(
        click("elementclass C { K $a, K $b | Tee }"),
        "config:1: repeated keyword parameter ‘K’ in compound element\n"
    );
    assert_eq!(
        click("elementclass Z { ... }").lines().next(),
        Some("config:1: cannot extend unknown element class ‘Z’")
    );
}

#[test]
fn element_context_is_said_once() {
    let at = Some(Place::new("config", 1, 1));
    let one = |m: &str| Diagnostic::error(at.clone(), m).configuring("q", "Queue");
    let all = [
        one("CAPACITY: invalid number"),
        one("too many arguments"),
        Diagnostic::error(None, "Router could not be initialized!"),
    ];
    assert_eq!(
        render_click(&all, Quotes::Ascii),
        "config:1: While configuring 'q :: Queue':\n  CAPACITY: invalid number\n  too many arguments\nRouter could not be initialized!\n"
    );
    assert_eq!(render_native(&all[..1]), "config:1:1: error: q :: Queue: CAPACITY: invalid number\n");
}

#[test]
fn every_error_of_a_file_at_once() {
    let text = "a :: Quee;\nb :: Queue\n -> ;\nundeclared -> b;\nelementclass C { input [1] -> Tee -> output }\nIdle -> c :: C(5);\n";
    let lines: Vec<u32> = read(text).diagnostics.iter().filter_map(|d| Some(d.at.as_ref()?.line)).collect();
    assert_eq!(lines, [1, 3, 4, 5, 6]);
}

#[test]
fn nesting_and_expansion_are_limited() {
    for (open, close) in [("{", "}"), ("(", ")"), ("elementclass A{", "}"), ("a::{", "}")] {
        let deep = open.repeat(10_000) + &close.repeat(10_000);
        let p = read(&deep);
        assert!(p.diagnostics.iter().any(|d| d.message.contains("nesting depth exceeded")), "{open}");
    }
    let mut bomb = String::from("elementclass C0 { Tee }\n");
    let mut text = String::from("elementclass T0 { $x | Print($x) }\n");
    for i in 1..60 {
        bomb += &format!("elementclass C{i} {{ C{0}; C{0}; }}\n", i - 1);
        text += &format!("elementclass T{i} {{ $x | T{}($x$x$x$x) }}\n", i - 1);
    }
    assert!(click(&(bomb + "C59")).contains("compound elements expand to too"));
    assert!(click(&(text + "T59(aaaaaaaa)")).contains("compound elements expand to too much text"));
}

#[test]
fn small_texts_make_no_huge_graphs() {
    let fan = String::from("elementclass C { input -> output } c :: C;\n") + &"X -> c; c -> A;".repeat(2000);
    assert!(click(&fan).contains("compound elements expand to too many connections"));
    let text = format!("define($a {})X({})", "y".repeat(10_000), "$a".repeat(10_000));
    assert!(click(&text).contains("compound elements expand to too much text"));
    let taken: String = (0..20_000).map(|i| format!("X@{} :: X;", i + 20_001)).collect();
    assert_eq!(read(&(taken + &"X;".repeat(20_000))).flat.elements.len(), 40_000);
    assert!(click(&format!("X({})", "$(".repeat(100_000))).contains("expected ')'"));
    assert_eq!(
        read(&"a::A [0-65535] => [0-65535] b::B;".repeat(50)).diagnostics.last().map(|d| d.is_error()),
        Some(true)
    );
}

#[test]
fn large_files_take_linear_time() {
    let mut text = String::new();
    for i in 0..30_000 {
        text += &format!("Idle -> q{i} :: Queue(100) -> Print(packet number {i}) -> Discard; ");
    }
    let p = read(&text);
    assert!(p.is_ok());
    assert_eq!((p.flat.elements.len(), p.flat.connections.len()), (120_000, 90_000));
    let again = read(&p.flat.unparse());
    assert_eq!(again.flat.connections.len(), 90_000);
    // Garbage of that size stops early.
    assert!(read(&"a [ -> } ".repeat(200_000)).diagnostics.len() <= 1001);
}

#[test]
fn cycles_are_printed() {
    let text = "a :: A;\nb :: B;\n\nb -> a\n    -> b;\n";
    assert_eq!(flat("a::A -> b::B -> a"), text);
}

/// Everything but places.
fn without_places(f: &Flat) -> (Vec<String>, Vec<String>, Vec<Requirement>) {
    let elements = f.elements.iter().map(|e| format!("{} :: {}({})", e.name, e.class, e.config));
    (elements.collect(), edges_of(f), f.requirements.clone())
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "c",
        "A",
        "Queue",
        "Tee",
        "::",
        "->",
        "=>",
        ",",
        ";",
        "[0]",
        "[1]",
        "[0,1]",
        "[0-3]",
        "[0,]",
        "{",
        "}",
        "(",
        ")",
        "input",
        "output",
        "elementclass",
        "C",
        "C",
        "$x",
        "|",
        "||",
        "...",
        "define($x 1)",
        "(1, $x)",
        "require(p)",
        "K $k",
        "\n",
        "[",
        "-",
        "\"",
        "'",
        "/*",
        "\\<",
        "%",
    ])
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*") {
        let p = read(&text);
        render_click(&p.diagnostics, Quotes::Curly);
        render_native(&p.diagnostics);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn tokens_in_any_order(tokens in prop::collection::vec(token(), 0..60)) {
        let p = read(&tokens.join(" "));
        render_native(&p.diagnostics);
        let again = read(&p.flat.unparse());
        if p.is_ok() {
            prop_assert!(again.is_ok(), "{}", p.flat.unparse());
        }
        if again.is_ok() {
            prop_assert_eq!(without_places(&again.flat), without_places(&p.flat));
        }
    }

    #[test]
    fn printed_graphs_read_back(
        configs in prop::collection::vec("[a-z ,0-9]{0,8}", 1..8),
        edges in prop::collection::vec((0usize..8, 0usize..3, 0usize..8, 0usize..3), 0..20),
    ) {
        let n = configs.len();
        let mut text = String::new();
        for (i, c) in configs.iter().enumerate() {
            text += &format!("e{i} :: X({c});\n");
        }
        for (from, fp, to, tp) in edges {
            text += &format!("e{} [{fp}] -> [{tp}] e{};\n", from % n, to % n);
        }
        let first = read(&text);
        prop_assert!(first.is_ok());
        let second = read(&first.flat.unparse());
        prop_assert!(second.is_ok());
        prop_assert_eq!(without_places(&second.flat), without_places(&first.flat));
        prop_assert_eq!(second.flat.unparse(), first.flat.unparse());
    }
}

#[test]
fn what_is_defined_in_a_compound_wins_there_and_is_not_seen_elsewhere() {
    let text = "f :: { define($N 1, $M x$N) Idle -> Queue($N) -> Print($M) -> Discard }; g :: { Idle -> Print($N) -> Discard };";
    let parsed = Reader::new(&Table).define_in("f", "N", "20, 30").read(text, "config");
    assert!(parsed.is_ok(), "{}", render_native(&parsed.diagnostics));
    let of = |class: &str| {
        let all = parsed.flat.elements.iter().filter(|e| e.class == class);
        all.map(|e| format!("{}({})", e.name, e.config)).collect::<Vec<_>>()
    };
    assert_eq!(of("Queue"), ["f/Queue@2(20, 30)"]);
    assert_eq!(of("Print"), ["f/Print@3(x20, 30)", "g/Print@2($N)"]);
}

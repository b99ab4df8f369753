//! A property of random statements: what ann is told does not depend on the rows of bob.
//!
//! Two servers have the same rows of ann. On one of them bob has rows as well, and changes them at random between the
//! statements of ann. Both servers give ann the same answers, errors included.

use std::collections::HashMap;

use fastrand::Rng;

use super::{Host, ask};
use crate::support::{run, text};

/// Statements of ann for each seed.
const STATEMENTS: usize = 120;

/// The seeds. A failure names its seed.
const SEEDS: [u64; 4] = [1, 2, 3, 4];

const TABLES: &str = "
    CREATE TABLE tasks (
        id bigint NOT NULL, user_id text NOT NULL, title text NOT NULL, done boolean NOT NULL DEFAULT false, score int,
        PRIMARY KEY (user_id, id), UNIQUE (user_id, title)
    );
    CREATE TABLE notes (
        user_id text NOT NULL, task bigint NOT NULL, body text,
        FOREIGN KEY (user_id, task) REFERENCES tasks (user_id, id) ON DELETE CASCADE ON UPDATE CASCADE
    );
    CREATE VIEW open_tasks AS SELECT * FROM tasks WHERE NOT done WITH CHECK OPTION;
    CREATE FUNCTION scores() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(score) FROM tasks';
    CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN UPDATE tasks SET score = coalesce(score, 0) + (SELECT count(*) FROM notes) WHERE id = NEW.id; RETURN NULL; END';
    CREATE TRIGGER counts AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION count_up();";

/// Makes random statements, of whatever user.
struct Statements(Rng);

impl Statements {
    fn one(&mut self) -> String {
        let (condition, other) = (self.condition(), self.condition());
        let (relation, id, title, score) = (self.relation(), self.id(), self.title(), self.0.i32(-3..9));
        let user = self.choice(&["ann", "bob", "carol"]);
        match self.0.u8(0..22) {
            0 => {
                format!("SELECT count(*), min(id), max(title), sum(score) FROM {relation} WHERE {condition}")
            }
            1 => format!("SELECT t FROM {relation} AS t WHERE {condition} ORDER BY t.id"),
            2 => format!("SELECT done, count(*) FROM {relation} WHERE {condition} GROUP BY done ORDER BY 1"),
            3 => format!(
                "SELECT id, rank() OVER (ORDER BY score, id), lag(title) OVER (ORDER BY id) FROM tasks WHERE {condition} ORDER BY id"
            ),
            4 => format!(
                "SELECT t.id, n.body FROM tasks AS t FULL JOIN notes AS n ON n.task = t.id WHERE t.id > {id} OR n.task > {id} ORDER BY 1, 2"
            ),
            5 => format!(
                "SELECT EXISTS (SELECT FROM tasks WHERE user_id = '{user}' AND {condition}), scores()"
            ),
            6 => format!(
                "SELECT id FROM tasks WHERE {condition} UNION SELECT id FROM tasks WHERE {other} EXCEPT SELECT task FROM notes ORDER BY 1"
            ),
            7 => "SELECT (SELECT string_agg(title, ',' ORDER BY id) FROM tasks AS i WHERE i.score > o.score) FROM tasks AS o ORDER BY o.id".to_owned(),
            8 => format!("SELECT 10 / (score - {score}) FROM tasks WHERE {condition} ORDER BY id"),
            9 => format!("SELECT title::int FROM tasks WHERE user_id = '{user}' ORDER BY id"),
            10 => "WITH RECURSIVE r(n) AS (SELECT min(id) FROM tasks UNION SELECT (SELECT min(id) FROM tasks WHERE id > r.n) FROM r WHERE n IS NOT NULL) SELECT * FROM r ORDER BY 1".to_owned(),
            11 | 12 => format!(
                "INSERT INTO tasks (id, title, score) VALUES ({id}, '{title}', {score}) RETURNING id, user_id"
            ),
            13 => format!(
                "INSERT INTO tasks (id, user_id, title) VALUES ({id}, '{user}', '{title}') ON CONFLICT (user_id, id) DO UPDATE SET title = excluded.title RETURNING title"
            ),
            14 => format!(
                "INSERT INTO open_tasks (id, title) VALUES ({id}, '{title}') ON CONFLICT DO NOTHING RETURNING id"
            ),
            15 => format!(
                "INSERT INTO notes (task, body) SELECT id, title FROM tasks WHERE {condition} RETURNING task"
            ),
            16 => format!("INSERT INTO notes (task, body) VALUES ({id}, '{title}')"),
            17 => "WITH u AS (UPDATE tasks SET score = {score} WHERE {condition} RETURNING *) SELECT count(*), sum(score) FROM u".to_owned(),
            18 => format!(
                "UPDATE tasks SET id = id + 100, title = title || '{id}' WHERE id = {id} RETURNING id"
            ),
            19 => format!("UPDATE tasks SET user_id = '{user}' WHERE {condition}"),
            20 => format!(
                "WITH d AS (DELETE FROM {relation} WHERE id = {id} AND ({condition}) RETURNING *) SELECT count(*) FROM d"
            ),
            _ => format!(
                "MERGE INTO tasks AS t USING (SELECT {id}::bigint AS id, '{user}' AS user_id) AS s ON t.id = s.id AND t.user_id = s.user_id \
                 WHEN MATCHED AND t.done THEN DELETE WHEN MATCHED THEN UPDATE SET done = true \
                 WHEN NOT MATCHED THEN INSERT (id, title) VALUES (s.id, '{title}')"
            ),
        }
    }

    fn condition(&mut self) -> String {
        let (id, score, user) = (self.id(), self.0.i32(-3..9), self.choice(&["ann", "bob"]));
        match self.0.u8(0..8) {
            0 => "true".to_owned(),
            1 => format!("user_id = '{user}'"),
            2 => format!("user_id <> '{user}' OR id < {id}"),
            3 => format!("score > {score}"),
            4 => format!("title LIKE '%{}%'", self.0.u8(0..10)),
            5 => format!("id IN (SELECT task FROM notes WHERE user_id = '{user}')"),
            6 => format!("NOT done AND id % 3 = {}", id % 3),
            _ => format!("score > (SELECT avg(score) FROM tasks WHERE user_id = '{user}' OR id > {id})"),
        }
    }

    fn relation(&mut self) -> &'static str {
        self.choice(&["tasks", "open_tasks"])
    }

    fn id(&mut self) -> u8 {
        self.0.u8(1..12)
    }

    fn title(&mut self) -> u8 {
        self.0.u8(0..40)
    }

    fn choice(&mut self, words: &[&'static str]) -> &'static str {
        self.0.choice(words).copied().unwrap_or_default()
    }
}

/// An answer without the order of its fields: without ORDER BY, rows come in the order in which the table stores them.
fn without_order(told: &Result<String, String>) -> (bool, Vec<&str>) {
    let (Ok(text) | Err(text)) = told;
    let mut fields: Vec<_> = text.split(' ').collect();
    fields.sort_unstable();
    (told.is_ok(), fields)
}

#[tokio::test]
async fn random_statements_tell_a_user_nothing_about_the_rows_of_another() {
    let (shared, alone) = tokio::join!(Host::start(), Host::start());
    for host in [&shared, &alone] {
        host.migrate(&[TABLES]).await.unwrap().commit().await.unwrap();
    }
    let (shared_pool, alone_pool) = (shared.pool(1).await, alone.pool(1).await);
    let mut outcomes: HashMap<bool, usize> = HashMap::new();
    for seed in SEEDS {
        let mut of_ann = Statements(Rng::with_seed(seed));
        let mut of_bob = Statements(Rng::with_seed(seed + 1000));
        for number in 0..STATEMENTS {
            // The answer to bob does not matter, nor does a refusal.
            let _ = ask(&shared_pool, "bob", &of_bob.one()).await;
            let statement = of_ann.one();
            let told = ask(&shared_pool, "ann", &statement).await;
            let told_alone = ask(&alone_pool, "ann", &statement).await;
            assert_eq!(
                without_order(&told),
                without_order(&told_alone),
                "seed {seed}, statement {number}: {statement}"
            );
            *outcomes.entry(told.is_ok()).or_default() += 1;
        }
        let mut superuser = shared.superuser().await;
        let owners = "SELECT string_agg(DISTINCT user_id, ' ' ORDER BY user_id) FROM todo.tasks";
        assert_eq!(
            text(&mut superuser, owners).await,
            "ann bob",
            "both have rows, and nobody else"
        );
        for host in [&shared, &alone] {
            run(&mut host.superuser().await, "DELETE FROM todo.tasks").await;
        }
    }
    assert!(outcomes[&true] > 200, "most statements run: {outcomes:?}");
}

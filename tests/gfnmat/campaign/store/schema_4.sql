BEGIN TRANSACTION;
CREATE TABLE campaign (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	config JSON NOT NULL, 
	provenance JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "campaign" VALUES(1,4,'mine','{"seed": 0, "space": {"elements": ["Li", "O"]}}','{"torch": "2.13", "started": "2026-11-01T00:00:00+00:00"}');
CREATE TABLE measurements (
	suggestion_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	"values" JSON NOT NULL, 
	errors JSON NOT NULL, 
	structure JSON, 
	seconds FLOAT NOT NULL, 
	error TEXT, 
	duplicate_of INTEGER, 
	provenance JSON, 
	told_at VARCHAR(40) NOT NULL, 
	PRIMARY KEY (suggestion_id, revision), 
	FOREIGN KEY(suggestion_id) REFERENCES suggestions (id)
);
INSERT INTO "measurements" VALUES(1,0,'done','{"density": 3.58}','{"density": 0.01}','{"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0.0, "lattice": {"matrix": [[-2.105, -2.105, 0.0], [-2.105, 0.0, -2.105], [0.0, -2.105, -2.105]], "pbc": [true, true, true], "a": 2.9769195487953652, "b": 2.9769195487953652, "c": 2.9769195487953652, "alpha": 60.00000000000001, "beta": 60.00000000000001, "gamma": 60.00000000000001, "volume": 18.65461525}, "properties": {}, "sites": [{"species": [{"element": "Mg", "occu": 1}], "abc": [0.0, 0.0, 0.0], "properties": {}, "label": "Mg", "xyz": [0.0, 0.0, 0.0]}, {"species": [{"element": "O", "occu": 1}], "abc": [0.5, 0.5, 0.5], "properties": {}, "label": "O", "xyz": [-2.105, -2.105, -2.105]}]}',2.5,NULL,NULL,'{"oracle": "chgnet"}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(2,0,'infeasible','{}','{}','null',0.0,'it melts',NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(3,0,'withdrawn','{}','{}','null',0.0,NULL,NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(3,1,'done','{"density": 3.3}','{}','null',0.0,NULL,NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(4,0,'done','{"density": 57.0}','{}','null',0.0,NULL,NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(4,1,'done','{"density": 5.7}','{}','null',0.0,NULL,NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(6,0,'retryable','{}','{}','null',0.0,'power cut',NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(11,0,'done','{"density": 3.6}','{}','null',0.0,NULL,NULL,'{}','2026-11-28T16:12:03+00:00');
INSERT INTO "measurements" VALUES(8,0,'retryable','{}','{}','null',0.0,'furnace',NULL,'{}','2026-11-28T16:12:03+00:00');
CREATE TABLE rounds (
	number INTEGER NOT NULL, 
	record JSON NOT NULL, 
	planned_at VARCHAR(40) NOT NULL, 
	proposer_state BLOB, 
	PRIMARY KEY (number)
);
INSERT INTO "rounds" VALUES(0,'{"round": 0, "seconds": 1.0, "pool": 10, "distinct": 0.5, "loss": 0.1, "log_z": 2.0, "sampler_correlation": null, "gap_variance": null, "effective_share": null, "coverage": null, "rank_correlation": null, "acquisition": "", "trust": [{"property": "x", "fidelity": "dear", "n": 9, "mae": 0.2, "crps": 0.1, "coverage": 0.9, "rank_correlation": null}]}','2026-11-28T16:12:03+00:00',NULL);
INSERT INTO "rounds" VALUES(1,'{"round": 1, "seconds": 1.0, "pool": 10, "distinct": 0.5, "loss": 0.1, "log_z": 2.0, "sampler_correlation": null, "gap_variance": null, "effective_share": null, "coverage": null, "rank_correlation": null, "acquisition": "", "trust": [{"property": "x", "fidelity": "dear", "n": 9, "mae": 0.2, "crps": 0.1, "coverage": 0.9, "rank_correlation": null}]}','2026-11-28T16:12:03+00:00',X'7365636F6E64');
CREATE TABLE suggestions (
	id INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	formula VARCHAR(200) NOT NULL, 
	space_group VARCHAR(20), 
	fidelity VARCHAR(100) NOT NULL, 
	rung INTEGER NOT NULL, 
	cost FLOAT NOT NULL, 
	means JSON NOT NULL, 
	sds JSON NOT NULL, 
	why TEXT NOT NULL, 
	structure JSON, 
	asked BOOLEAN NOT NULL, 
	attempts INTEGER NOT NULL, 
	replicate INTEGER DEFAULT '0' NOT NULL, 
	issued_at VARCHAR(40) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "suggestions" VALUES(1,0,'MgO|225|one','MgO','Fm-3m','dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','{"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0.0, "lattice": {"matrix": [[-2.105, -2.105, 0.0], [-2.105, 0.0, -2.105], [0.0, -2.105, -2.105]], "pbc": [true, true, true], "a": 2.9769195487953652, "b": 2.9769195487953652, "c": 2.9769195487953652, "alpha": 60.00000000000001, "beta": 60.00000000000001, "gamma": 60.00000000000001, "volume": 18.65461525}, "properties": {}, "sites": [{"species": [{"element": "Mg", "occu": 1}], "abc": [0.0, 0.0, 0.0], "properties": {}, "label": "Mg", "xyz": [0.0, 0.0, 0.0]}, {"species": [{"element": "O", "occu": 1}], "abc": [0.5, 0.5, 0.5], "properties": {}, "label": "O", "xyz": [-2.105, -2.105, -2.105]}]}',0,1,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(2,0,'Li2O','Li2O',NULL,'cheap',0,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,1,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(3,0,'CaO','CaO',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(4,0,'BaO','BaO',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(5,0,'SrO','SrO',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(6,1,'NaCl','NaCl',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(7,1,'KCl','KCl',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',0,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(8,2,'LiF','LiF',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',1,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(9,2,'NaF','NaF',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',1,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(10,2,'CaO','CaO',NULL,'dear',1,1.5,'{"density": 3.5}','{"density": 0.2}','it looks light','null',1,0,0,'2026-11-28T16:12:03+00:00');
INSERT INTO "suggestions" VALUES(11,2,'MgO|225|one','MgO','Fm-3m','dear',1,1.5,'{}','{}','told as replicate 1 of id 1','{"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0.0, "lattice": {"matrix": [[-2.105, -2.105, 0.0], [-2.105, 0.0, -2.105], [0.0, -2.105, -2.105]], "pbc": [true, true, true], "a": 2.9769195487953652, "b": 2.9769195487953652, "c": 2.9769195487953652, "alpha": 60.00000000000001, "beta": 60.00000000000001, "gamma": 60.00000000000001, "volume": 18.65461525}, "properties": {}, "sites": [{"species": [{"element": "Mg", "occu": 1}], "abc": [0.0, 0.0, 0.0], "properties": {}, "label": "Mg", "xyz": [0.0, 0.0, 0.0]}, {"species": [{"element": "O", "occu": 1}], "abc": [0.5, 0.5, 0.5], "properties": {}, "label": "O", "xyz": [-2.105, -2.105, -2.105]}]}',1,0,1,'2026-11-28T16:12:03+00:00');
CREATE INDEX ix_suggestions_round ON suggestions (round);
CREATE INDEX ix_suggestions_key ON suggestions ("key");
CREATE INDEX ix_suggestions_formula ON suggestions (formula);
COMMIT;

CREATE TABLE `queue_clocks` (
	`model` text PRIMARY KEY NOT NULL,
	`pass` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `queue_shares` (
	`model` text NOT NULL,
	`api_key_id` text NOT NULL,
	`ready` integer DEFAULT 0 NOT NULL,
	`pass` real DEFAULT 0 NOT NULL,
	PRIMARY KEY(`model`, `api_key_id`)
);
--> statement-breakpoint
CREATE INDEX `queue_shares_next` ON `queue_shares` (`model`,`pass`) WHERE ready > 0;--> statement-breakpoint
DROP INDEX `stories_claim`;--> statement-breakpoint
DROP INDEX `stories_leased`;--> statement-breakpoint
ALTER TABLE `stories` ADD `ready` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `unstarted` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `claimed_at` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `attempt_started_at` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `attempts` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `start_within_ms` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `start_by` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `run_within_ms` integer DEFAULT 1800000 NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `run_by` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `finish_by` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `dead_letter` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `resumes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `stories_ready` ON `stories` (`model`,`api_key_id`,`priority`,`claimable_at`) WHERE status = 'queued' AND ready = 1;--> statement-breakpoint
CREATE INDEX `stories_due` ON `stories` (`claimable_at`) WHERE ready = 0 AND claimable_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `stories_start_by` ON `stories` (`start_by`) WHERE status = 'queued' AND start_by IS NOT NULL;--> statement-breakpoint
CREATE INDEX `stories_lease` ON `stories` (`lease_token`) WHERE lease_token IS NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `weight` real DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `max_running` integer DEFAULT 100 NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `max_queued` integer DEFAULT 10000 NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `running` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `queued` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
-- What an older database holds: stories that wait are ready, and those that are lent have begun.
UPDATE `stories` SET `ready` = (`status` = 'queued');
--> statement-breakpoint
UPDATE `stories` SET `claimed_at` = coalesce(`started_at`, `created_at`), `attempt_started_at` = coalesce(`started_at`, `created_at`)
WHERE `status` = 'running';
--> statement-breakpoint
INSERT INTO `queue_shares` (`model`, `api_key_id`, `ready`)
SELECT `model`, `api_key_id`, count(*) FROM `stories` WHERE `ready` = 1 GROUP BY 1, 2;
--> statement-breakpoint
UPDATE `api_keys` SET
	`running` = (SELECT count(*) FROM `stories` WHERE `api_key_id` = `api_keys`.`id` AND `status` = 'running'),
	`queued` = (SELECT count(*) FROM `stories` WHERE `api_key_id` = `api_keys`.`id` AND `status` = 'queued');
--> statement-breakpoint
-- The counters of the queue follow every change of `stories`, whoever makes it. A migration that makes `stories` anew has to make these anew too.
CREATE TRIGGER `stories_count_insert` AFTER INSERT ON `stories` BEGIN
	INSERT INTO `queue_shares` (`model`, `api_key_id`, `ready`) VALUES (NEW.`model`, NEW.`api_key_id`, NEW.`ready` AND NEW.`status` = 'queued')
		ON CONFLICT DO UPDATE SET `ready` = `ready` + excluded.`ready`;
	UPDATE `api_keys` SET `queued` = `queued` + (NEW.`status` = 'queued'), `running` = `running` + (NEW.`status` = 'running')
		WHERE `id` = NEW.`api_key_id`;
END;
--> statement-breakpoint
CREATE TRIGGER `stories_count_update` AFTER UPDATE OF `status`, `ready` ON `stories`
WHEN NEW.`status` <> OLD.`status` OR NEW.`ready` <> OLD.`ready` BEGIN
	UPDATE `queue_shares` SET `ready` = `ready` + (NEW.`ready` AND NEW.`status` = 'queued') - (OLD.`ready` AND OLD.`status` = 'queued')
		WHERE `model` = NEW.`model` AND `api_key_id` = NEW.`api_key_id`;
	UPDATE `api_keys` SET
		`queued` = `queued` + (NEW.`status` = 'queued') - (OLD.`status` = 'queued'),
		`running` = `running` + (NEW.`status` = 'running') - (OLD.`status` = 'running')
		WHERE `id` = NEW.`api_key_id`;
END;
--> statement-breakpoint
CREATE TRIGGER `stories_count_delete` AFTER DELETE ON `stories` BEGIN
	UPDATE `queue_shares` SET `ready` = `ready` - (OLD.`ready` AND OLD.`status` = 'queued') WHERE `model` = OLD.`model` AND `api_key_id` = OLD.`api_key_id`;
	UPDATE `api_keys` SET `queued` = `queued` - (OLD.`status` = 'queued'), `running` = `running` - (OLD.`status` = 'running')
		WHERE `id` = OLD.`api_key_id`;
END;
--> statement-breakpoint
-- Stride scheduling: the queue's clock moves to the pass of the key that is served, and the key on by its stride from there.
CREATE TRIGGER `stories_served` AFTER UPDATE OF `status` ON `stories`
WHEN NEW.`status` = 'running' AND OLD.`status` <> 'running' BEGIN
	INSERT INTO `queue_clocks` (`model`, `pass`)
		SELECT `model`, `pass` FROM `queue_shares` WHERE `model` = NEW.`model` AND `api_key_id` = NEW.`api_key_id`
		ON CONFLICT DO UPDATE SET `pass` = max(`queue_clocks`.`pass`, excluded.`pass`);
	UPDATE `queue_shares` SET `pass` = (SELECT `pass` FROM `queue_clocks` WHERE `model` = NEW.`model`)
		+ 1.0 / (SELECT `weight` FROM `api_keys` WHERE `id` = NEW.`api_key_id`)
		WHERE `model` = NEW.`model` AND `api_key_id` = NEW.`api_key_id`;
END;

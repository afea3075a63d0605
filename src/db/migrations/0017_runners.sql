CREATE TABLE `runners` (
	`name` text PRIMARY KEY NOT NULL,
	`protocol` integer NOT NULL,
	`model` text NOT NULL,
	`abilities` text NOT NULL,
	`first_seen_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`gone_at` integer,
	`blamed_by` text DEFAULT '[]' NOT NULL,
	`set_aside_until` integer
);
--> statement-breakpoint
CREATE INDEX `runners_model` ON `runners` (`model`,`seen_at`);--> statement-breakpoint
CREATE INDEX `runners_blamed` ON `runners` (`name`) WHERE blamed_by <> '[]';--> statement-breakpoint
ALTER TABLE `stories` ADD `protocol` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `avoid_runner` text;--> statement-breakpoint
ALTER TABLE `stories` ADD `avoid_until` integer;--> statement-breakpoint
-- The view and trigger of 0010, anew: a story is claimed only by a runner that speaks its protocol, and not by the one it
-- keeps away from. A key has its turn if one of its first 50 stories is for this runner.
DROP TRIGGER `claims_lend`;
--> statement-breakpoint
DROP VIEW `claims`;
--> statement-breakpoint
CREATE VIEW `claims` AS SELECT '' AS `lease_token`, '' AS `model`, '' AS `runner`, 0 AS `protocol`, 0 AS `now`, 0 AS `lease_ms` WHERE FALSE;
--> statement-breakpoint
CREATE TRIGGER `claims_claim` INSTEAD OF INSERT ON `claims` BEGIN
	UPDATE `stories` SET
		`status` = 'running', `ready` = 0, `lease_token` = NEW.`lease_token`, `runner` = NEW.`runner`,
		`claimed_at` = NEW.`now`, `attempt_started_at` = NULL,
		`run_by` = min(NEW.`now` + `run_within_ms`, coalesce(`finish_by`, 9e15)),
		`claimable_at` = min(NEW.`now` + NEW.`lease_ms`, NEW.`now` + `run_within_ms`, coalesce(`finish_by`, 9e15)),
		`event_sequence` = 0, `progress` = NULL, `version` = `version` + 1
	WHERE `id` = (
		SELECT `id` FROM `stories`
		WHERE `status` = 'queued' AND `ready` = 1 AND `model` = NEW.`model` AND `api_key_id` = (
			SELECT `shares`.`api_key_id` FROM `queue_shares` `shares` JOIN `api_keys` `keys` ON `keys`.`id` = `shares`.`api_key_id`
			WHERE `shares`.`model` = NEW.`model` AND `shares`.`ready` > 0 AND `keys`.`running` < `keys`.`max_running`
				AND EXISTS (
					SELECT 1 FROM (
						SELECT `protocol`, `avoid_runner`, `avoid_until` FROM `stories`
						WHERE `status` = 'queued' AND `ready` = 1 AND `model` = NEW.`model` AND `api_key_id` = `shares`.`api_key_id`
						ORDER BY `priority`, `claimable_at` LIMIT 50
					) WHERE `protocol` <= NEW.`protocol` AND (`avoid_runner` IS NOT NEW.`runner` OR `avoid_until` <= NEW.`now`)
				)
			ORDER BY `shares`.`pass` LIMIT 1
		-- A story that is too late to be started is not claimed, even if no sweep has ended it yet.
		) AND (`start_by` IS NULL OR `start_by` > NEW.`now`)
			AND `protocol` <= NEW.`protocol` AND (`avoid_runner` IS NOT NEW.`runner` OR `avoid_until` <= NEW.`now`)
		ORDER BY `priority`, `claimable_at` LIMIT 1
	);
END;

-- A claim is a row put into this view: its trigger lends one story under the token, if there is one to lend. So a batch
-- of claims is one statement, whose rows see one by one what those before did to the passes and the caps.
CREATE VIEW `claims` AS SELECT '' AS `lease_token`, '' AS `model`, '' AS `runner`, 0 AS `now`, 0 AS `lease_ms` WHERE FALSE;
--> statement-breakpoint
CREATE TRIGGER `claims_lend` INSTEAD OF INSERT ON `claims` BEGIN
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
			ORDER BY `shares`.`pass` LIMIT 1
		-- A story that is too late to be started is not lent, even if no sweep has ended it yet.
		) AND (`start_by` IS NULL OR `start_by` > NEW.`now`)
		ORDER BY `priority`, `claimable_at` LIMIT 1
	);
END;

-- Made anew, because the new columns have no default: rows of older databases get theirs from their stories.
CREATE TABLE `__new_webhook_deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`story_id` text NOT NULL,
	`api_key_id` text NOT NULL,
	`origin` text NOT NULL,
	`sequence` integer NOT NULL,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`body` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`last_status` integer,
	`last_error` text,
	`created_at` integer NOT NULL,
	`delivered_at` integer,
	FOREIGN KEY (`story_id`) REFERENCES `stories`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `__new_webhook_deliveries`
SELECT `id`, `story_id`, `api_key_id`, `origin`, `sequence`, `type`,
	CASE WHEN `delivered_at` IS NOT NULL THEN 'delivered' WHEN `next_attempt_at` IS NULL THEN 'failed'
		WHEN `nth_owed` = 1 THEN 'pending' ELSE 'waiting' END,
	`body`, `attempts`, CASE WHEN `nth_owed` = 1 THEN `next_attempt_at` END,
	`last_status`, `last_error`, `created_at`, `delivered_at`
FROM (
	SELECT d.*, s.`api_key_id`,
		substr(s.`webhook`, 1, instr(substr(s.`webhook`, 9) || '/', '/') + 7) AS `origin`,
		row_number() OVER (PARTITION BY d.`story_id` ORDER BY d.`created_at`, d.`rowid`) AS `sequence`,
		row_number() OVER (PARTITION BY d.`story_id`, d.`next_attempt_at` IS NULL ORDER BY d.`created_at`, d.`rowid`) AS `nth_owed`
	FROM `webhook_deliveries` d JOIN `stories` s ON s.`id` = d.`story_id`
);
--> statement-breakpoint
DROP TABLE `webhook_deliveries`;
--> statement-breakpoint
ALTER TABLE `__new_webhook_deliveries` RENAME TO `webhook_deliveries`;
--> statement-breakpoint
CREATE TABLE `gone_webhooks` (
	`api_key_id` text NOT NULL,
	`url` text NOT NULL,
	`since` integer NOT NULL,
	PRIMARY KEY(`api_key_id`, `url`)
);
--> statement-breakpoint
CREATE TABLE `webhook_attempts` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`delivery_id` text NOT NULL,
	`at` integer NOT NULL,
	`ms` integer NOT NULL,
	`status` integer,
	`response` text,
	`error` text,
	FOREIGN KEY (`delivery_id`) REFERENCES `webhook_deliveries`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `webhook_attempts_delivery` ON `webhook_attempts` (`delivery_id`);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_list` ON `webhook_deliveries` (`api_key_id`,`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`api_key_id`,`origin`,`next_attempt_at`) WHERE next_attempt_at IS NOT NULL;
--> statement-breakpoint
CREATE UNIQUE INDEX `webhook_deliveries_story` ON `webhook_deliveries` (`story_id`,`sequence`);
--> statement-breakpoint
ALTER TABLE `api_keys` ADD `previous_webhook_secret` text;
--> statement-breakpoint
ALTER TABLE `api_keys` ADD `previous_webhook_secret_until` integer;

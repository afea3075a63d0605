CREATE TABLE `files` (
	`id` text PRIMARY KEY NOT NULL,
	`api_key_id` text NOT NULL,
	`key` text NOT NULL,
	`name` text NOT NULL,
	`content_type` text NOT NULL,
	`size` integer NOT NULL,
	`sha256` text NOT NULL,
	`metadata` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `files_list` ON `files` (`api_key_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `files_expired` ON `files` (`expires_at`);
CREATE TABLE `characters` (
	`id` text PRIMARY KEY NOT NULL,
	`api_key_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`references` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `characters_list` ON `characters` (`api_key_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `reference_pictures` (
	`key` text PRIMARY KEY NOT NULL,
	`api_key_id` text NOT NULL,
	`sha256` text NOT NULL,
	`content_type` text NOT NULL,
	`check_since` integer,
	`unneeded` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `reference_pictures_hash` ON `reference_pictures` (`api_key_id`,`sha256`) WHERE unneeded = 0;--> statement-breakpoint
CREATE INDEX `reference_pictures_check` ON `reference_pictures` (`check_since`) WHERE check_since IS NOT NULL;--> statement-breakpoint
CREATE INDEX `reference_pictures_unneeded` ON `reference_pictures` (`key`) WHERE unneeded = 1;
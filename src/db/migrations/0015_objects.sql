CREATE TABLE `object_deletions` (
	`key` text PRIMARY KEY NOT NULL,
	`story_id` text,
	`due_at` integer,
	`attempts` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `object_deletions_due` ON `object_deletions` (`due_at`) WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `object_deletions_failing` ON `object_deletions` (`attempts`) WHERE attempts > 0;--> statement-breakpoint
CREATE INDEX `object_deletions_story` ON `object_deletions` (`story_id`) WHERE story_id IS NOT NULL;--> statement-breakpoint
-- Pictures that nothing needs are no rows any more, only deletions; a bank goes with its story.
INSERT INTO `object_deletions` (`key`, `due_at`) SELECT `key`, 0 FROM `reference_pictures` WHERE `unneeded` = 1;--> statement-breakpoint
DELETE FROM `reference_pictures` WHERE `unneeded` = 1;--> statement-breakpoint
INSERT INTO `object_deletions` (`key`, `story_id`)
SELECT 'stories/' || `id` || '/bank-' || (`bank` ->> 'sha256') || '.safetensors', `id` FROM `stories` WHERE `bank` IS NOT NULL;--> statement-breakpoint
DROP INDEX `reference_pictures_unneeded`;--> statement-breakpoint
DROP INDEX `reference_pictures_hash`;--> statement-breakpoint
ALTER TABLE `reference_pictures` ADD `bytes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `reference_pictures_hash` ON `reference_pictures` (`api_key_id`,`sha256`);--> statement-breakpoint
ALTER TABLE `reference_pictures` DROP COLUMN `unneeded`;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `max_stored_bytes` integer DEFAULT 10000000000 NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `stored_bytes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `api_keys` SET `stored_bytes` = (SELECT coalesce(sum(`size`), 0) FROM `files` WHERE `api_key_id` = `api_keys`.`id`);--> statement-breakpoint
-- What a key has stored follows every change of the two tables, whoever makes it.
CREATE TRIGGER `files_count_insert` AFTER INSERT ON `files` BEGIN
	UPDATE `api_keys` SET `stored_bytes` = `stored_bytes` + NEW.`size` WHERE `id` = NEW.`api_key_id`;
END;
--> statement-breakpoint
CREATE TRIGGER `files_count_delete` AFTER DELETE ON `files` BEGIN
	UPDATE `api_keys` SET `stored_bytes` = `stored_bytes` - OLD.`size` WHERE `id` = OLD.`api_key_id`;
END;
--> statement-breakpoint
CREATE TRIGGER `reference_pictures_count_insert` AFTER INSERT ON `reference_pictures` BEGIN
	UPDATE `api_keys` SET `stored_bytes` = `stored_bytes` + NEW.`bytes` WHERE `id` = NEW.`api_key_id`;
END;
--> statement-breakpoint
CREATE TRIGGER `reference_pictures_count_delete` AFTER DELETE ON `reference_pictures` BEGIN
	UPDATE `api_keys` SET `stored_bytes` = `stored_bytes` - OLD.`bytes` WHERE `id` = OLD.`api_key_id`;
END;

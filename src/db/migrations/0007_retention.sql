ALTER TABLE `stories` ADD `retention_ms` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `data_removed_at` integer;--> statement-breakpoint
ALTER TABLE `stories` ADD `files_left` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `stories_expire` ON `stories` (`expires_at`) WHERE expires_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `stories_files_left` ON `stories` (`id`) WHERE files_left = 1;--> statement-breakpoint
-- The moment at which a story ends decides when its content is removed, whatever ends it.
CREATE TRIGGER `stories_expiry` AFTER UPDATE OF `completed_at` ON `stories`
BEGIN
	UPDATE `stories` SET `expires_at` = new.`completed_at` + new.`retention_ms`
	WHERE `id` = new.`id` AND `data_removed_at` IS NULL;
END;

ALTER TABLE `stories` ADD `consistency` text;--> statement-breakpoint
ALTER TABLE `stories` ADD `consistency_sheet` text;
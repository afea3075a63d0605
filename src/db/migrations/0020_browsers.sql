ALTER TABLE `api_keys` ADD `origins` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `stories` ADD `client_token` text;--> statement-breakpoint
CREATE INDEX `stories_client_token` ON `stories` (`client_token`,`frame_count`) WHERE client_token IS NOT NULL;
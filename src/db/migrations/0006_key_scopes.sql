ALTER TABLE `api_keys` ADD `previous_hash` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `previous_hash_until` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `scopes` text DEFAULT '["stories:write","stories:read","webhooks"]' NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `retention_days` real DEFAULT 7;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `creates_per_minute` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `expires_at` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_previous_hash_unique` ON `api_keys` (`previous_hash`);
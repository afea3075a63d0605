ALTER TABLE `stories` ADD `storyboard_webp` text;--> statement-breakpoint
ALTER TABLE `stories` ADD `book_pdf` text;
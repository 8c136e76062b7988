-- Run once by the image, when its volume is new: Dagster's database is made by POSTGRES_DB, the warehouse is this one.
create database whoop;

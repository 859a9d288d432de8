-- What each site used in each month, counted anew from the records: to check usage_sums by.
CREATE VIEW usage_by_month AS
  SELECT site, year, month, SUM(jobs) AS jobs, SUM(wall_s) AS wall_s, SUM(cpu_s) AS cpu_s
  FROM usage GROUP BY site, year, month;
